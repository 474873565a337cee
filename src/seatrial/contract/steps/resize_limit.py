"""Keeps a side within a limit and both sides multiples of 32 (PaddleOCR's text detection)."""

from __future__ import annotations

from typing import Any, Literal

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._resample import Interpolation, Library, resample
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation


def _resize_limit(
    value: Any,
    context: Context,
    /,
    *,
    side: int,
    limit: Literal["max", "min", "long"] = "max",
    multiple: int = 32,
    rounding: Literal["nearest", "up"] = "nearest",
    max_side: int | None = None,
    interpolation: Interpolation = "linear",
    library: Library = "opencv",
) -> Array:
    """`max`: the long side at most `side`; `min`: the short side at least `side`; `long`: exactly `side`.

    Then no side over `max_side`, and each side to the nearest `multiple` (or the next one `up`), at least one
    of it, which changes the ratio a little: that is how these models were trained.
    """
    image = as_image(value)
    if side < 1 or multiple < 1 or (max_side is not None and max_side < 1):
        raise ContractViolation("side, multiple and max_side must be 1 or more")
    short, long = sorted(image.shape[:2])
    factor = 1.0
    if limit == "long" or (limit == "max" and long > side):
        factor = side / long
    elif limit == "min" and short < side:
        factor = side / short
    height, width = (int(each * factor) for each in image.shape[:2])
    if max_side is not None and max(height, width) > max_side:
        factor = max_side / max(height, width)
        height, width = int(height * factor), int(width * factor)
    size = (_rounded(height, multiple, rounding), _rounded(width, multiple, rounding))
    return resample(image, size, context, interpolation=interpolation, library=library)


def _rounded(side: int, multiple: int, rounding: str) -> int:
    times = -(-side // multiple) if rounding == "up" else round(side / multiple)
    return max(1, times) * multiple


STEP = FunctionStep(
    "resize_limit", "preprocess", "a side within a limit, both multiples of 32", _resize_limit
)
