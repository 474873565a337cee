"""Makes an image of a file, of its bytes or of an array of pixels."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation

# What cameras and people send. Pillow knows thirty more, and for one of them (EPS) it starts an interpreter.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
Color = Literal["RGB", "BGR", "GRAY"]
Alpha = Literal["drop", "white", "black"]


def _decode_image(
    value: Any,
    context: Context,
    /,
    *,
    color: Color = "RGB",
    exif: bool = True,
    alpha: Alpha = "drop",
    max_pixels: int = 50_000_000,
) -> Array:
    """A path, bytes or pixels -> uint8 [height, width, 3], or [height, width, 1] for `GRAY`.

    Arrays are taken as pixels that already have the wanted colour order. `exif` turns the picture as the
    camera held it; `alpha` says what lies under transparent pixels; more than `max_pixels` are refused
    before they are decoded, because a file of some kilobytes can unpack to gigabytes.
    """
    if isinstance(value, np.ndarray):
        image = _pixels(value, color)
        if image.shape[0] * image.shape[1] > max_pixels:
            raise ContractViolation(f"the image has more than {max_pixels} pixels")
    else:
        image = _decoded(_opened(value, context), color=color, exif=exif, alpha=alpha, max_pixels=max_pixels)
    _geometry.begin(image, context)
    return image


def _pixels(value: Array, color: Color) -> Array:
    channels = 1 if color == "GRAY" else 3
    image = value[:, :, None] if value.ndim == 2 else value
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != channels or 0 in image.shape:
        raise ContractViolation(
            f"takes pixels as uint8 [height, width, {channels}] for color {color}, not {describe(value)}"
        )
    return image


def _opened(value: Any, context: Context) -> io.BytesIO:
    if isinstance(value, bytes):
        data = value
    elif isinstance(value, Path | str) and context.files:
        path = context.root / value if isinstance(value, str) else value
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ContractViolation(f"the image '{str(value)[:200]}' cannot be read: {reason}") from error
    else:
        takes = "a file, bytes or pixels" if context.files else "the bytes or pixels"
        raise ContractViolation(f"takes {takes} of an image, not {describe(value)}")
    if not data:
        raise ContractViolation("the image is empty (0 bytes)")
    return io.BytesIO(data)


def _decoded(stream: io.BytesIO, *, color: Color, exif: bool, alpha: Alpha, max_pixels: int) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs below our own limit, and of odd metadata
            with Image.open(stream, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise ContractViolation(
                        f"the image has {width} x {height} pixels, more than {max_pixels}",
                        hint="scale it down, or raise max_pixels in the contract",
                    )
                picture.load()
                upright = ImageOps.exif_transpose(picture) if exif else picture
                return _in_color(_flattened(upright, alpha), color)
    except Image.DecompressionBombError as error:
        raise ContractViolation(f"the image has too many pixels: {error}") from error
    except UnidentifiedImageError as error:
        raise ContractViolation(
            "the bytes are no image of a known format", hint="use PNG, JPEG, BMP or WebP"
        ) from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
        ArithmeticError,
        MemoryError,
    ) as error:
        # Pillow's decoders raise all of these on damaged files.
        raise ContractViolation(f"the image is damaged: {error}") from error


def _flattened(picture: Image.Image, alpha: Alpha) -> Image.Image:
    """Without transparency, 8 bits a channel."""
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        deep = np.asarray(picture).astype(np.float64)
        return Image.fromarray(
            (deep / 257 if deep.max(initial=0) > 255 else deep).clip(0, 255).astype(np.uint8)
        )
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    if alpha == "drop" or not transparent:
        return picture
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, alpha), layer)


def _in_color(picture: Image.Image, color: Color) -> Array:
    if color == "GRAY":
        return np.asarray(picture.convert("L"))[:, :, None]
    pixels = np.asarray(picture.convert("RGB"))
    return np.ascontiguousarray(pixels[:, :, ::-1] if color == "BGR" else pixels)


STEP = FunctionStep("decode_image", "preprocess", "a file, bytes or pixels -> an image", _decode_image)
