"""Hostile payloads by kind: pictures, texts, arrays (`M07`, F33, F34)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.checks._robustness.hostile import Case
from seatrial.checks._robustness.hostile_tensors import array_cases
from seatrial.contract import Contract
from seatrial.contract.sample import Payload

_LONG = 100_000


def payload_cases(contract: Contract, payload: Payload) -> list[Case]:
    """Hostile relatives of a good payload."""
    if isinstance(payload, str):
        return _text_cases()
    if isinstance(payload, Path | bytes):
        data = payload.read_bytes() if isinstance(payload, Path) else payload
        return _image_cases(data)
    return _array_cases(contract, payload)


def _image_cases(data: bytes) -> list[Case]:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError):
        image = Image.new("RGB", (64, 48), (200, 200, 200))
    width, height = image.size

    def flat(color: tuple[int, int, int]) -> bytes:
        return encoded(Image.new("RGB", (width, height), color))

    rotated = Image.Exif()
    rotated[0x0112] = 6  # orientation: to be turned by a quarter
    return [
        Case("empty-file", "payload", lambda: b"", must_refuse=True),
        Case("not-an-image", "payload", lambda: b"%PDF-1.7 this is no image" * 9, must_refuse=True),
        Case("truncated-image", "payload", lambda: data[: max(len(data) // 2, 20)]),
        Case("header-only", "payload", lambda: data[:33], must_refuse=True),
        Case("header-bomb", "payload", lambda: png_bomb(60_000, 60_000), must_refuse=True),
        Case("one-pixel", "payload", lambda: encoded(image.resize((1, 1)))),
        Case("one-pixel-high", "payload", lambda: encoded(image.resize((max(width, 8), 1)))),
        Case("one-pixel-wide", "payload", lambda: encoded(image.resize((1, max(height, 8))))),
        Case("ribbon", "payload", lambda: encoded(image.resize((4096, 4)))),
        Case("all-black", "payload", lambda: flat((0, 0, 0))),
        Case("all-white", "payload", lambda: flat((255, 255, 255))),
        Case("gray", "payload", lambda: encoded(image.convert("L"))),
        Case("black-and-white", "payload", lambda: encoded(image.convert("1"))),
        Case("alpha", "payload", lambda: encoded(image.convert("RGBA"))),
        Case("palette", "payload", lambda: encoded(image.convert("P"))),
        Case("sixteen-bit", "payload", lambda: encoded(image.convert("I;16"))),
        Case("cmyk", "payload", lambda: encoded(image.convert("CMYK"), "JPEG")),
        Case("exif-rotated", "payload", lambda: encoded(image, "JPEG", exif=rotated.tobytes())),
        Case("noise", "payload", lambda: encoded(_noise(width, height))),
    ]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype="uint8")
    return Image.fromarray(pixels)


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises gigabytes of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _text_cases() -> list[Case]:
    texts = {
        "empty-text": "",
        "blank-text": " \t\n\u3000",
        "over-long": "长文本 text " * (_LONG // 9),
        "one-long-token": "a" * _LONG,
        "nested-brackets": "(" * 20_000,
        "emoji": "👩‍👩‍👧‍👦🇨🇳" * 40,
        "right-to-left": "\u202eمرحبا שלום\u202c",
        "nul": "good\x00bad",
        "control-characters": "".join(map(chr, range(1, 32))),
        "lone-surrogate": "half \ud83d of a pair",
        "combining": "e" + "\u0301" * 2000,
        "zero-width": "a\u200bb\ufeffc" * 50,
        "unassigned": "\U000e01ff\U0010ffff" * 20,
        "markup": "<script>alert(1)</script>'; DROP TABLE x; --",
    }
    return [Case(name, "payload", lambda text=text: text) for name, text in texts.items()]  # type: ignore[misc]


def _array_cases(contract: Contract, payload: Any) -> list[Case]:
    arrays: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {"": payload}
    single = not isinstance(payload, Mapping)
    cases = [Case("not-an-array", "payload", lambda: "no numbers here", must_refuse=True)]
    bounds = {spec.name: spec for spec in contract.inputs}
    for name, array in arrays.items():
        spec = bounds.get(name, contract.inputs[0])
        for label, make, refuse in array_cases(array, spec, batched=False):
            cases.append(
                Case(
                    f"{label}:{name}" if name else label,
                    "payload",
                    lambda make=make, name=name: make() if single else {**arrays, name: make()},  # type: ignore[misc]
                    must_refuse=refuse,
                )
            )
    return cases
