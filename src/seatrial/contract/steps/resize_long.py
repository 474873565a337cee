"""Brings the long side to a size; the other follows (PaddleSeg's ResizeByLong)."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._resample import Interpolation, Library, by_factor
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation


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
    image = as_image(value)
    if size < 1:
        raise ContractViolation(f"size is {size} and must be 1 or more")
    factor = size / max(image.shape[:2])
    return by_factor(image, factor, context, interpolation=interpolation, library=library)


STEP = FunctionStep("resize_long", "preprocess", "the long side to a size, ratio kept", _resize_long)
