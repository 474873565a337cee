"""Where a pixel of the source went, so that boxes and masks can be brought back to it.

The notes hold `source_size` (h, w) of the decoded image, and `scale` (y, x) and `offset` (y, x) such that
model coordinate = source coordinate * scale + offset.
"""

from __future__ import annotations

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation


def begin(image: Array, context: Context) -> None:
    """Notes the size of the image as it was decoded."""
    context.notes.update(source_size=image.shape[:2], scale=(1.0, 1.0), offset=(0.0, 0.0))


def scaled(context: Context, y: float, x: float) -> None:
    """Notes that the image was stretched by these factors."""
    (old_y, old_x), (top, left) = scale(context), offset(context)
    context.notes.update(scale=(old_y * y, old_x * x), offset=(top * y, left * x))


def moved(context: Context, y: float, x: float) -> None:
    """Notes that the content moved by this many pixels (padding is positive, cropping negative)."""
    top, left = offset(context)
    context.notes["offset"] = (top + y, left + x)


def scale(context: Context) -> tuple[float, float]:
    """Factors (y, x) from source to model coordinates."""
    factors: tuple[float, float] = context.notes.get("scale", (1.0, 1.0))
    return factors


def offset(context: Context) -> tuple[float, float]:
    """Pixels (y, x) that the source's origin lies from the model's."""
    pixels: tuple[float, float] = context.notes.get("offset", (0.0, 0.0))
    return pixels


def source_size(context: Context) -> tuple[int, int]:
    """Height and width of the decoded image.

    Raises:
        ContractViolation: No step of the preprocessing noted it.
    """
    if "source_size" not in context.notes:
        raise ContractViolation(
            "the size of the source image is not known here", hint="begin the preprocessing with decode_image"
        )
    height, width = context.notes["source_size"]
    return int(height), int(width)
