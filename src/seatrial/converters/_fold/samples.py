"""Samples to compare on where nobody gives real ones: pictures, texts and arrays of several sizes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from seatrial.contract.contract import Contract
from seatrial.contract.sample import Sample
from seatrial.converters._fold.assemble import Entry

_SIZES = ((64, 48), (200, 140), (131, 257), (320, 320), (48, 400), (640, 480))  # width and height
_TEXTS = (
    "a",
    "Hello, world!",
    "  two  spaces\tand a tab ",
    "ＦＵＬＬ　ｗｉｄｔｈ １２３",
    "你好，世界。",
    "ÀÉÎõü ß",
)


def made_up(contract: Contract, entry: Entry, *, seed: int = 0) -> list[Sample]:
    """Samples that a pipeline of this kind takes, if any can be made up.

    Args:
        contract: Of the source.
        entry: What the folded model takes.
        seed: For what is drawn.
    """
    rng = np.random.default_rng(seed)
    first = contract.preprocess.calls[0].name if contract.preprocess.calls else ""
    if first == "decode_image":
        return [Sample(f"made-up picture {w}x{h}", _picture(rng, w, h)) for w, h in _SIZES]
    if first.startswith("tokenize_"):
        known = list(contract.vocabulary) or list("abc")
        drawn = ["".join(rng.choice(known, size)) for size in (1, 7, 60, 300)]
        return [Sample(f"made-up text {place}", text) for place, text in enumerate([*_TEXTS, *drawn])]
    if len(contract.inputs) != 1:
        return []
    return [Sample(f"made-up array {place}", _array(rng, contract, entry)) for place in range(6)]


def _picture(rng: np.random.Generator, width: int, height: int) -> bytes:
    """Soft colors with sharp shapes on them, as a PNG."""
    small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = (int(rng.integers(0, each)) for each in (width, height))
        color = tuple(int(each) for each in rng.integers(0, 256, 3))
        pen.rectangle((x, y, x + width // 6, y + height // 8), fill=color)
        pen.line((x, y, int(rng.integers(0, width)), int(rng.integers(0, height))), fill=color, width=2)
    with io.BytesIO() as stream:
        picture.save(stream, "PNG")
        return stream.getvalue()


def _array(rng: np.random.Generator, contract: Contract, entry: Entry) -> Any:
    own = contract.inputs[0]
    sizes = entry.shape or tuple(each if isinstance(each, int) else None for each in own.shape[1:])
    shape = [each or int(rng.integers(4, 33)) for each in sizes]
    low, high = own.low if own.low is not None else -1.0, own.high if own.high is not None else 1.0
    dtype = entry.dtype or own.dtype
    if dtype.startswith("float"):
        return rng.uniform(low, high, shape).astype(dtype)
    return rng.integers(int(low), int(high) + 1, shape).astype(dtype)
