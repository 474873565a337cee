"""Turns each score into a probability of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array


def _sigmoid(value: Any, _context: Context, /) -> Array:
    """1 / (1 + exp(-x)), without overflow at either end."""
    scores = as_array(value)
    wide = scores.astype(np.float64)
    # By NumPy alone: SciPy would be a third of a server's image for this one function.
    small = np.exp(-np.abs(wide))
    result: Array = np.where(wide >= 0, 1.0, small) / (1.0 + small)
    return result.astype(np.float64 if scores.dtype == np.float64 else np.float32)


STEP = FunctionStep("sigmoid", "postprocess", "each score -> a probability", _sigmoid)
