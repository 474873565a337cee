"""Small raster pictures for the report: worst samples and heat maps, PNG in base64, under 40 kB each."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from seatrial.checks._finding import Picture, Text
from seatrial.contract.sample import Array, Payload

MAX_BYTES = 40_000
_PAPER = (246, 246, 244)
_COOL, _WARM = np.array([33.0, 92.0, 175.0]), np.array([197.0, 42.0, 32.0])


def picture_of(value: Payload | Array) -> NDArray[np.uint8] | None:
    """A payload or an array as RGB pixels `[height, width, 3]`; None when it is no picture.

    Arrays may be HW, CHW or HWC, with or without a batch axis of 1; they are stretched to the full range.
    """
    if isinstance(value, Path | bytes):
        try:
            with Image.open(value if isinstance(value, Path) else io.BytesIO(value)) as image:
                image.thumbnail((640, 640))
                return np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
            return None
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or not value.size:
        return None
    planes = _planes(value)
    if planes is None:
        return None
    planes = np.nan_to_num(planes.astype("float64"), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = planes.min(), planes.max()
    scaled = (planes - low) / (high - low or 1.0) * 255
    return np.repeat(scaled, 3, axis=2).astype("uint8") if scaled.shape[2] == 1 else scaled.astype("uint8")


def _planes(value: Array) -> Array | None:
    """As `[height, width, 1 or 3]`, or None."""
    while value.ndim > 3 and value.shape[0] == 1:
        value = value[0]
    if value.ndim == 2:
        value = value[None]
    if value.ndim != 3:
        return None
    if value.shape[0] in (1, 3):
        value = value.transpose(1, 2, 0)
    if value.shape[2] not in (1, 3) or min(value.shape[:2]) < 2:
        return None
    return value


def tile(pixels: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Pixels fitted into a frame: small ones enlarged by whole numbers, so that each stays visible."""
    fit = min(height / pixels.shape[0], width / pixels.shape[1])
    image = Image.fromarray(pixels)
    if fit >= 2:
        size = (pixels.shape[1] * int(fit), pixels.shape[0] * int(fit))
        image = image.resize(size, Image.Resampling.NEAREST)
    elif fit < 1:
        size = (max(1, int(pixels.shape[1] * fit)), max(1, int(pixels.shape[0] * fit)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    frame = np.full((height, width, 3), _PAPER, "uint8")
    drawn = np.asarray(image)
    top, left = (height - drawn.shape[0]) // 2, (width - drawn.shape[1]) // 2
    frame[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return frame


def sheet(pixels: Sequence[NDArray[np.uint8]], *, columns: int, height: int, width: int) -> NDArray[np.uint8]:
    """Pictures side by side, row by row, on one sheet."""
    gap, count = 8, len(pixels)
    columns = min(columns, count)
    rows = -(-count // columns)
    paper = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), _PAPER, "uint8")
    for place, each in enumerate(pixels):
        top, left = gap + place // columns * (height + gap), gap + place % columns * (width + gap)
        paper[top : top + height, left : left + width] = tile(each, height=height, width=width)
    return paper


def heat(pixels: NDArray[np.uint8], attribution: Array) -> NDArray[np.uint8]:
    """The picture in gray under its attribution: red speaks for the answer, blue against it.

    Args:
        pixels: RGB `[height, width, 3]`.
        attribution: `[height, width]`, any scale; resized to the picture when it is coarser.
    """
    weight = np.asarray(attribution, "float64")
    if weight.shape != pixels.shape[:2]:
        small = Image.fromarray(weight.astype("float32"))
        size = (pixels.shape[1], pixels.shape[0])
        weight = np.asarray(small.resize(size, Image.Resampling.BILINEAR), "float64")
    # The strongest hundredth saturates; one bright pixel must not hide the rest.
    top = float(np.quantile(np.abs(weight), 0.99)) or float(np.abs(weight).max()) or 1.0
    share = np.clip(weight / top, -1, 1)[..., None]
    gray = 110 + pixels.mean(axis=2, keepdims=True) * (145 / 255)
    color = np.where(share > 0, _WARM, _COOL)
    strength = np.abs(share) ** 0.7 * 0.85
    mixed: NDArray[np.uint8] = np.clip(gray * (1 - strength) + color * strength, 0, 255).astype("uint8")
    return mixed


def picture(pixels: NDArray[np.uint8], title: Text, alt: Text) -> Picture:
    """Evidence from pixels; shrunk, with fewer colors where needed, until it is under 40 kB."""
    image = Image.fromarray(pixels)
    if max(image.size) > 900:
        image.thumbnail((900, 900))
    data = _png(image)
    while len(data) > MAX_BYTES:
        data = _png(image.quantize(96))
        image = image.resize((max(1, image.width * 4 // 5), max(1, image.height * 4 // 5)))
    return Picture(title, base64.b64encode(data).decode(), alt)


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
