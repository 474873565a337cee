"""Brings the short side to a size; the other follows (PaddleClas's resize_short)."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._resample import Interpolation, Library, to_side
from seatrial.contract.steps._step import FunctionStep


def _resize_short(
    value: Any,
    context: Context,
    /,
    *,
    size: int,
    interpolation: Interpolation = "linear",
    library: Library = "opencv",
) -> Array:
    """Both sides by size / short side, rounded."""
    return to_side(value, min, size, context, interpolation=interpolation, library=library)


STEP = FunctionStep("resize_short", "preprocess", "the short side to a size, ratio kept", _resize_short)
