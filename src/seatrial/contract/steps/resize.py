"""Stretches an image to a size, or fits it in (PaddleDetection's target size)."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._resample import Interpolation, Library, note_detection, resample
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation


def _resize(
    value: Any,
    context: Context,
    /,
    *,
    size: tuple[int, int],
    keep_ratio: bool = False,
    interpolation: Interpolation = "linear",
    library: Library = "opencv",
) -> Array:
    """To `size` (height, width).

    With `keep_ratio`, the short side reaches the smaller of the two numbers
    unless the long side would pass the larger one; then that side decides (PaddleDetection). Notes
    `scale_factor` and `im_shape` as its models take them.
    """
    image = as_image(value)
    if min(size) < 1:
        raise ContractViolation(f"size {list(size)} must be 1 or more")
    height, width = size
    stretch = (height / image.shape[0], width / image.shape[1])
    if keep_ratio:
        short, long = sorted(image.shape[:2])
        factor = min(size) / short
        if round(factor * long) > max(size):
            factor = max(size) / long
        # OpenCV rounds the products it is given to the nearest even number on a tie, as Python does.
        height, width = (max(1, round(side * factor)) for side in image.shape[:2])
        stretch = (factor, factor)
    result = resample(image, (height, width), context, interpolation=interpolation, library=library)
    note_detection(result, stretch, context)
    return result


STEP = FunctionStep("resize", "preprocess", "to a size, stretched or with its ratio kept", _resize)
