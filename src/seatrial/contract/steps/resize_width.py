"""Brings a line of text to a fixed height; the width follows the picture (PaddleOCR's recognition)."""

from __future__ import annotations

import math
from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._resample import Interpolation, Library, resample
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation


def _resize_width(
    value: Any,
    context: Context,
    /,
    *,
    height: int,
    base_width: int | None = None,
    max_width: int | None = None,
    interpolation: Interpolation = "linear",
    library: Library = "opencv",
) -> Array:
    """Width = ceil(height * ratio of the source), at most `max_width`. `pad` does the rest.

    Beyond `base_width` the width is cut to whole pixels instead, as PaddleOCR does for lines that are wider
    than its standard shape.
    """
    image = as_image(value)
    if min(height, base_width or 1, 1 if max_width is None else max_width) < 1:
        raise ContractViolation("height, base_width and max_width must be 1 or more")
    exact = height * (image.shape[1] / image.shape[0])
    width = math.ceil(exact)
    if base_width is not None and width > base_width:
        width = max(base_width, math.floor(exact))
    if max_width is not None:
        width = min(width, max_width)
    context.notes["valid_width"] = width
    return resample(image, (height, width), context, interpolation=interpolation, library=library)


STEP = FunctionStep("resize_width", "preprocess", "fixed height, width by the picture's ratio", _resize_width)
