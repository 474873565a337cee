"""Adds an axis of size 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _expand(value: Any, _context: Context, /, *, axis: int = 0) -> Array:
    """The new axis stands at `axis` of the result. The batch axis is not added here: that is done for you."""
    array = as_array(value)
    if not -array.ndim - 1 <= axis <= array.ndim:
        raise ContractViolation(f"axis {axis} cannot be added to shape {list(array.shape)}")
    return np.expand_dims(array, axis)


STEP = FunctionStep("expand", "both", "adds an axis of size 1", _expand)
