"""Changes the order of the colour channels, or their number."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation

Order = Literal["RGB", "BGR", "GRAY"]


def _color(value: Any, _context: Context, /, *, source: Order, target: Order) -> Array:
    """Pixels [height, width, channels]; gray weighs red, green and blue by 0.299, 0.587 and 0.114."""
    image = as_image(value)
    channels = 1 if source == "GRAY" else 3
    if image.shape[2] != channels:
        raise ContractViolation(f"{source} has {channels} channels, and the image {image.shape[2]}")
    if source == target:
        return image
    if source == "GRAY":
        return np.repeat(image, 3, axis=2)
    if target == "GRAY":
        if image.dtype not in (np.uint8, np.float32):
            raise ContractViolation(f"makes gray of uint8 or float32, not {image.dtype}")
        code = cv2.COLOR_RGB2GRAY if source == "RGB" else cv2.COLOR_BGR2GRAY
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), code))[:, :, None]
    return np.ascontiguousarray(image[:, :, ::-1])


STEP = FunctionStep("color", "preprocess", "RGB, BGR and gray into each other", _color)
