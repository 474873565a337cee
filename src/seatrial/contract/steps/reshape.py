"""Reads the same numbers in another shape."""

from __future__ import annotations

from math import prod
from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _reshape(value: Any, _context: Context, /, *, shape: tuple[int, ...]) -> Array:
    """To `shape`; one number may be -1, which is worked out. The numbers stay in their order."""
    array = as_array(value)
    told = f"shape {list(array.shape)} cannot become {list(shape)}"
    known = prod(size for size in shape if size != -1)
    if any(size < -1 for size in shape) or shape.count(-1) > 1:
        raise ContractViolation(f"{told}: a size is 0 or more, and at most one is -1")
    fits = known and array.size % known == 0 if -1 in shape else known == array.size
    if not fits:
        raise ContractViolation(f"{told}: it holds {array.size} numbers")
    return array.reshape(shape)


STEP = FunctionStep("reshape", "both", "the same numbers in another shape", _reshape)
