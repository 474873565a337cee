"""The best classes by their scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._scores import class_scores, name_of
from seatrial.contract.steps._step import FunctionStep
from seatrial.errors import ContractViolation


def _topk(value: Any, context: Context, /, *, k: int = 1) -> dict[str, Any]:
    """Scores [classes] -> `{"class", "index", "confidence"}` of the best, and `top`, the best `k`, if k > 1.

    Equal scores are ordered by class index, so that the answer is the same on every runtime.
    """
    scores = class_scores(value, context)
    if k < 1:
        raise ContractViolation(f"k is {k} and must be 1 or more")
    order = np.argsort(-scores.astype(np.float64), kind="stable")[:k]
    top = [
        {
            "class": name_of(context.labels, int(index)),
            "index": int(index),
            "confidence": float(scores[index]),
        }
        for index in order
    ]
    return {**top[0], "top": top} if k > 1 else top[0]


STEP = FunctionStep("topk", "postprocess", "scores -> the best classes with their confidence", _topk)
