"""Operations that several families write the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.contract.readers._config import Steps, number, numbers, only
from seatrial.errors import ContractViolation

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# OpenCV's numbers and the names that the families use.
INTERPOLATIONS = {
    "0": "nearest", "1": "linear", "2": "cubic", "3": "area", "4": "lanczos",
    "nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic", "bicubic": "cubic",
    "area": "area", "box": "area", "lanczos": "lanczos", "lanczos4": "lanczos",
}  # fmt: skip


def interpolation(value: Any) -> str:
    """Our name of an interpolation; None is linear, as in OpenCV.

    Raises:
        ContractViolation: It is not known.
    """
    name = INTERPOLATIONS.get("linear" if value is None else str(value).lower())
    if name is None:
        raise ContractViolation(
            f"interpolation {value!r} is not known", hint="known are: " + ", ".join(INTERPOLATIONS)
        )
    return name


def library(value: Any) -> str:
    """Our name of a resampling library; None is OpenCV.

    Raises:
        ContractViolation: It is not known.
    """
    names = {"cv2": "opencv", "opencv": "opencv", "pil": "pillow", "pillow": "pillow"}
    name = names.get("cv2" if value is None else str(value).lower())
    if name is None:
        raise ContractViolation(f"backend {value!r} is not known", hint="known are: cv2, pil")
    return name


def normalize_image(steps: Steps, options: Mapping[str, Any]) -> None:
    """`NormalizeImage` of PaddleClas and PaddleOCR; the order follows from where the channels are."""
    only(options, "scale", "mean", "std", "order", "channel_num", "output_fp16")
    if options.get("channel_num", 3) != 3 or options.get("output_fp16"):
        raise ContractViolation("only 3 channels in float32 are known here")
    scale = number(options["scale"]) if options.get("scale") is not None else 1 / 255
    steps.normalize(
        scale, numbers(options.get("mean"), IMAGENET_MEAN), numbers(options.get("std"), IMAGENET_STD)
    )


def to_chw_image(steps: Steps, options: Mapping[str, Any]) -> None:
    """`ToCHWImage` and `Permute`."""
    only(options, "to_bgr", "channel_first")
    if options.get("to_bgr"):
        raise ContractViolation("to_bgr is not known here")
    steps.to_channels_first()


def nothing(steps: Steps, options: Mapping[str, Any]) -> None:
    """An operation of training that leaves the image as it is."""
    del steps, options
