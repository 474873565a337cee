"""One number as the answer (regression)."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _number(
    value: Any, _context: Context, /, *, scale: float = 1.0, offset: float = 0.0, digits: int | None = None
) -> dict[str, float]:
    """One number * `scale` + `offset`, rounded to `digits` -> `{"value"}`; undoes a target's scaling."""
    array = as_array(value, what="one number")
    if array.size != 1:
        raise ContractViolation(f"takes one number, not {array.size}")
    number = float(array.reshape(())) * scale + offset
    return {"value": number if digits is None else round(number, digits)}


STEP = FunctionStep("number", "postprocess", "one number, scaled back and rounded", _number)
