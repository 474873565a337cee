"""Changes that must not change an answer: spaces around a text, a pixel more or less, JPEG (`M07`)."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from seatrial.checks._accuracy import metrics_boxes as boxes
from seatrial.checks._robustness.hostile_payloads import encoded
from seatrial.contract import Contract, TensorSpec
from seatrial.contract.sample import Array, Payload
from seatrial.errors import ContractViolation


@dataclass(frozen=True)
class Relation:
    """One change that leaves the meaning alone.

    Attributes:
        name: Stable: `jpeg`.
        en: What is done, for people.
        zh: The same in Chinese.
        change: From a payload and a random source to the changed payload.
    """

    name: str
    en: str
    zh: str
    change: Callable[[Payload, np.random.Generator], Payload]


def relations(contract: Contract, payload: Payload) -> list[Relation]:
    """The relations that fit a kind of payload."""
    if isinstance(payload, str):
        return [
            Relation(
                "whitespace",
                "spaces around the text",
                "在文本前后加空格",
                lambda text, _: "  " + str(text) + " \n",
            ),
            Relation(
                "composition",
                "the text in another Unicode composition",
                "改用另一种 Unicode 组合形式",
                lambda text, _: _decomposed(str(text)),
            ),
        ]
    if isinstance(payload, Path | bytes):
        return [
            Relation("jpeg", "saved again as JPEG, quality 95", "以 95 质量重新存为 JPEG", _as_jpeg),
            Relation(
                "pixel-noise",
                "every pixel changed by at most 1 of 255",
                "每个像素改动不超过 1/255",
                _pixel_noise,
            ),
            Relation(
                "padding", "a border of 2 pixels in the color of the edge", "四周加 2 像素同色边", _padded
            ),
        ]
    specs = {spec.name: spec for spec in contract.inputs}
    first = contract.inputs[0]
    return [
        Relation(
            "small-noise",
            "every value changed by at most 1/255 of its range",
            "每个数值改动不超过其范围的 1/255",
            lambda value, random: _noisy(value, random, specs, first),
        )
    ]


def _decomposed(text: str) -> str:
    """The same text in the composition it did not come in."""
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFD", text) if composed == text else composed


def _opened(payload: Payload) -> Image.Image:
    if not isinstance(payload, Path | bytes):
        raise ContractViolation("this relation changes pictures only")
    data = payload.read_bytes() if isinstance(payload, Path) else payload
    with Image.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _as_jpeg(payload: Payload, _: np.random.Generator) -> Payload:
    return encoded(_opened(payload), "JPEG", quality=95)


def _pixel_noise(payload: Payload, random: np.random.Generator) -> Payload:
    pixels = np.asarray(_opened(payload)).astype("int16")
    noisy = (pixels + random.integers(-1, 2, pixels.shape)).clip(0, 255).astype("uint8")
    return encoded(Image.fromarray(noisy))


def _padded(payload: Payload, _: np.random.Generator) -> Payload:
    pixels = np.asarray(_opened(payload))
    return encoded(Image.fromarray(np.pad(pixels, ((2, 2), (2, 2), (0, 0)), mode="edge")))


def _noisy(
    payload: Payload, random: np.random.Generator, specs: Mapping[str, TensorSpec], first: TensorSpec
) -> Payload:
    if isinstance(payload, Mapping):
        return {name: _noisy_array(each, random, specs.get(name, first)) for name, each in payload.items()}
    return _noisy_array(np.asarray(payload), random, first)


def _noisy_array(array: Array, random: np.random.Generator, spec: TensorSpec) -> Array:
    if array.dtype.kind != "f":
        return array  # ids and counts have no small change
    low = float(array.min()) if spec.low is None else max(spec.low, float(array.min()))
    high = float(array.max()) if spec.high is None else min(spec.high, float(array.max()))
    step = (high - low) / 255
    noisy: Array = (array + random.uniform(-step, step, array.shape)).clip(low, high).astype(array.dtype)
    return noisy


def agrees(task: str, before: Any, after: Any) -> bool:
    """Whether two answers mean the same."""
    if before is None or after is None:
        return False
    if task in ("classification", "text-classification"):
        return bool(before.get("index") == after.get("index"))
    if task == "text-recognition":
        return "".join(before["text"].split()) == "".join(after["text"].split())
    if task in ("text-detection", "detection"):
        return boxes.match(boxes.regions(after), boxes.regions(before)).hmean >= 0.8
    if task == "segmentation":
        one, other = np.asarray(before["mask"]), np.asarray(after["mask"])
        return one.shape != other.shape or bool((one == other).mean() >= 0.98)
    if task == "regression":
        one_value, other_value = float(before["value"]), float(after["value"])
        return abs(one_value - other_value) <= 0.05 * max(abs(one_value), abs(other_value), 1e-6)
    return _near(before, after)


def _near(before: Any, after: Any) -> bool:
    """Raw outputs: the same largest place, or values near each other."""
    one, other = np.asarray(before, "float64"), np.asarray(after, "float64")
    if one.shape != other.shape:
        return True  # an output whose size follows the input says nothing here
    return bool(one.argmax() == other.argmax()) or bool(np.allclose(one, other, rtol=0.05, atol=1e-3))
