"""Cuts a window out of the middle."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation


def _crop(value: Any, context: Context, /, *, size: tuple[int, int]) -> Array:
    """The middle `size` (height, width); an odd remainder leaves one pixel more at the lower right."""
    image = as_image(value)
    (height, width), (rows, columns) = size, image.shape[:2]
    if not (1 <= height <= rows and 1 <= width <= columns):
        raise ContractViolation(f"cannot cut {height} x {width} out of an image of {rows} x {columns}")
    top, left = (rows - height) // 2, (columns - width) // 2
    _geometry.moved(context, -top, -left)
    return np.ascontiguousarray(image[top : top + height, left : left + width])


STEP = FunctionStep("crop", "preprocess", "the middle of the image", _crop)
