"""Scales, then subtracts a mean and divides by a deviation, as every image model asks in its own numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, to_float
from seatrial.errors import ContractViolation


def _normalize(
    value: Any,
    _context: Context,
    /,
    *,
    scale: float = 1 / 255,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    order: Literal["HWC", "CHW"] = "HWC",
) -> Array:
    """(value * scale - mean) / std in float32; one number for all channels, or one for each."""
    image = as_array(value, rank=3, what="an image")
    channels = image.shape[2 if order == "HWC" else 0]
    if not all(std):
        raise ContractViolation("std holds a zero")
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (1, channels):
            raise ContractViolation(
                f"{name} has {len(numbers)} numbers and the {order} image {channels} channels"
            )
    shape = (1, 1, -1) if order == "HWC" else (-1, 1, 1)
    # float32 throughout: Paddle's own operators compute there, and golden vectors hold the last bit.
    middle, spread = (np.array(each, np.float32).reshape(shape) for each in (mean, std))
    with np.errstate(over="ignore"):  # what becomes infinite is refused at the model's input
        result: Array = (to_float(image, np.float32) * np.float32(scale) - middle) / spread
    return result


STEP = FunctionStep("normalize", "preprocess", "(value * scale - mean) / std, in float32", _normalize)
