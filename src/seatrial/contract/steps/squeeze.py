"""Drops axes of size 1."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, axis_of
from seatrial.errors import ContractViolation


def _squeeze(value: Any, _context: Context, /, *, axes: tuple[int, ...]) -> Array:
    """An axis of another size is refused: dropping it would drop values."""
    array = as_array(value)
    places = {axis_of(array, axis) for axis in axes}
    longer = [place for place in sorted(places) if array.shape[place] != 1]
    if longer:
        raise ContractViolation(f"axis {longer[0]} of shape {list(array.shape)} is not 1")
    return array.reshape([size for place, size in enumerate(array.shape) if place not in places])


STEP = FunctionStep("squeeze", "both", "drops axes of size 1", _squeeze)
