"""Resampling as the two libraries do it: they disagree, and a model wants the one it was trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._values import as_image
from seatrial.errors import ContractViolation

Interpolation = Literal["nearest", "linear", "cubic", "area", "lanczos"]
Library = Literal["opencv", "pillow", "align_corners", "asymmetric"]

LARGEST_SIDE = 16384

_OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
_PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


def resample(
    image: Array, size: tuple[int, int], context: Context, *, interpolation: Interpolation, library: Library
) -> Array:
    """Stretches an image to exactly `size` and notes the scale.

    Args:
        image: Height, width, channels; uint8 or float32.
        size: Height and width wanted.
        context: Takes the note.
        interpolation: How values between pixels are made. `area` is Pillow's `BOX`.
        library: OpenCV samples the source, Pillow filters it when it shrinks. `align_corners` and
            `asymmetric` sample on the grids that ONNX's Resize gives these names, nearest or linear.

    Raises:
        ContractViolation: A side under 1 or over `LARGEST_SIDE`, or a number type or an interpolation the
            library cannot take.
    """
    height, width = size
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise ContractViolation(
            f"the image would become {height} x {width}; a side is 1 to {LARGEST_SIDE} pixels"
        )
    if image.dtype not in (np.uint8, np.float32):
        raise ContractViolation(f"takes an image of uint8 or float32, not {image.dtype}")
    if library == "opencv":
        result = cv2.resize(image, (width, height), interpolation=_OPENCV[interpolation])
    elif library in ("align_corners", "asymmetric"):
        result = _on_grid(image, size, interpolation=interpolation, library=library)
    else:
        planes = [
            np.asarray(Image.fromarray(image[:, :, channel]).resize((width, height), _PILLOW[interpolation]))
            for channel in range(image.shape[2])
        ]
        result = np.stack(planes, axis=2)
    _geometry.scaled(context, height / image.shape[0], width / image.shape[1])
    array: Array = result.reshape(height, width, image.shape[2])
    return array


def _on_grid(image: Array, size: tuple[int, int], *, interpolation: Interpolation, library: Library) -> Array:
    """Nearest or linear without the half pixel that OpenCV, Pillow and today's frameworks put in."""
    if interpolation not in ("nearest", "linear"):
        raise ContractViolation(f"{library} samples nearest or linear, not {interpolation}")
    result = image.astype(np.float32)
    for axis, wanted in enumerate(size):
        last = image.shape[axis] - 1
        step = last / max(wanted - 1, 1) if library == "align_corners" else image.shape[axis] / wanted
        where = np.minimum(np.arange(wanted) * step, last)
        if interpolation == "nearest":
            result = result.take(np.floor(where + 1e-9).astype(int), axis)
            continue
        low = np.floor(where).astype(int)
        part = (where - low).astype(np.float32).reshape([-1 if each == axis else 1 for each in range(3)])
        high = np.minimum(low + 1, last)
        result = result.take(low, axis) * (1 - part) + result.take(high, axis) * part
    return np.rint(result).clip(0, 255).astype(np.uint8) if image.dtype == np.uint8 else result


def note_detection(image: Array, stretch: tuple[float, float], context: Context) -> None:
    """Notes `im_shape` and `scale_factor` (y, x), float32, as PaddleDetection's models take them."""
    context.notes["im_shape"] = np.array(image.shape[:2], np.float32)
    context.notes["scale_factor"] = np.array(stretch, np.float32)


def to_side(
    value: Any,
    side: Callable[[tuple[int, ...]], int],
    size: int,
    context: Context,
    *,
    interpolation: Interpolation,
    library: Library,
) -> Array:
    """Stretches an image so that one side has a size and the other follows, rounded to whole pixels.

    Args:
        value: The image.
        side: Which: `max` for the long one, `min` for the short one.
        size: Pixels of that side.
        context: Takes the note.
        interpolation: As in `resample`.
        library: As in `resample`.

    Raises:
        ContractViolation: As `resample`; also no image, or a size under 1.
    """
    image = as_image(value)
    if size < 1:
        raise ContractViolation(f"size is {size} and must be 1 or more")
    factor = size / side(image.shape[:2])
    wanted = (max(1, round(image.shape[0] * factor)), max(1, round(image.shape[1] * factor)))
    return resample(image, wanted, context, interpolation=interpolation, library=library)
