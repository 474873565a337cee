"""Turns scores into probabilities that add up to 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, axis_of
from seatrial.errors import ContractViolation


def _softmax(value: Any, _context: Context, /, *, axis: int = -1) -> Array:
    """exp(x - max) / sum along `axis`, in float64, given back in the scores' type (at least float32)."""
    scores = as_array(value)
    axis_of(scores, axis)
    if not scores.size:
        raise ContractViolation("there are no scores")
    with np.errstate(invalid="ignore"):  # NaN and infinity stay visible as NaN, without a warning
        shifted = np.exp(scores.astype(np.float64) - scores.max(axis=axis, keepdims=True))
    result: Array = shifted / shifted.sum(axis=axis, keepdims=True)
    return result.astype(np.float64 if scores.dtype == np.float64 else np.float32)


STEP = FunctionStep("softmax", "postprocess", "scores -> probabilities", _softmax)
