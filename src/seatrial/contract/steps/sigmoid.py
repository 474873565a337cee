"""Turns each score into a probability of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array


def _sigmoid(value: Any, _context: Context, /) -> Array:
    """1 / (1 + exp(-x)), without overflow at either end."""
    scores = as_array(value)
    result: Array = expit(scores.astype(np.float64))
    return result.astype(np.float64 if scores.dtype == np.float64 else np.float32)


STEP = FunctionStep("sigmoid", "postprocess", "each score -> a probability", _sigmoid)
