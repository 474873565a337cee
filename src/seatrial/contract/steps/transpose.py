"""Reorders the axes, such as height-width-channel to channel-height-width."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _transpose(value: Any, _context: Context, /, *, order: tuple[int, ...]) -> Array:
    """Axis `order[i]` of the value becomes axis `i`; the result is contiguous."""
    array = as_array(value)
    if sorted(order) != list(range(array.ndim)):
        raise ContractViolation(
            f"order {list(order)} is no permutation of the axes of shape {list(array.shape)}"
        )
    return np.ascontiguousarray(array.transpose(order))


STEP = FunctionStep("transpose", "both", "reorders the axes", _transpose)
