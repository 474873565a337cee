"""Decodes the picture that the client sent, once for all stages that look at it."""

from __future__ import annotations

from typing import Any, Literal

from seatrial import extensions
from seatrial.contract import Context
from seatrial.contract.sample import Array
from seatrial.serve.joints._joint import Joint


def _decode_image(
    data: Any,
    *,
    color: Literal["RGB", "BGR", "GRAY"] = "RGB",
    exif: bool = True,
    alpha: Literal["drop", "white", "black"] = "drop",
    max_pixels: int = 50_000_000,
) -> Array:
    """Bytes of a picture -> uint8 [height, width, channels]; see the contract's step of the same name.

    Args:
        data: As sent.
        color: Order of the channels; that of the stages that take it.
        exif: Whether to turn the picture as the camera held it.
        alpha: What lies under transparent pixels.
        max_pixels: More are refused before they are decoded.
    """
    step = extensions.get("seatrial.contract.steps", "STEP", "decode_image")
    options = {"color": color, "exif": exif, "alpha": alpha, "max_pixels": max_pixels}
    picture: Array = step.apply(data, Context(files=False), **options)
    return picture


JOINT = Joint("decode_image", "what was sent -> a picture", {"data": "payload"}, "picture", _decode_image)
