"""Yes or no by one probability."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._scores import name_of
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _threshold(value: Any, context: Context, /, *, at: float = 0.5) -> dict[str, Any]:
    """The probability of class 1 -> `{"class", "index", "confidence"}`; 1 from `at` on, else 0.

    Takes one probability, or those of both classes.
    """
    scores = as_array(value, what="one probability").reshape(-1)
    if scores.size not in (1, 2):
        raise ContractViolation(f"takes the probability of one class or of two, not {scores.size} numbers")
    if not 0 <= at <= 1:
        raise ContractViolation(f"at is {at} and must be between 0 and 1")
    probability = float(scores[-1])
    index = int(probability >= at)
    confidence = probability if index else 1 - probability
    return {"class": name_of(context.labels, index), "index": index, "confidence": confidence}


STEP = FunctionStep("threshold", "postprocess", "a probability -> yes or no", _threshold)
