"""Brings the long side to a size; the other follows (PaddleSeg's ResizeByLong)."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._resample import Interpolation, Library, to_side
from seatrial.contract.steps._step import FunctionStep


def _resize_long(
    value: Any,
    context: Context,
    /,
    *,
    size: int,
    interpolation: Interpolation = "linear",
    library: Library = "opencv",
) -> Array:
    """Both sides by size / long side, rounded."""
    return to_side(value, max, size, context, interpolation=interpolation, library=library)


STEP = FunctionStep("resize_long", "preprocess", "the long side to a size, ratio kept", _resize_long)
