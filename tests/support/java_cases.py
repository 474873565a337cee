"""Values for every step of the Java SDK: the contract's own vectors, and many that are drawn."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from support.java_steps import StepCase

GOLDEN = Path(__file__).parents[1] / "golden" / "steps"

Drawn = Iterator[StepCase]


def golden_cases() -> list[StepCase]:
    """What `tests/golden/steps` holds."""
    return [
        StepCase(
            path.stem,
            _decoded(each["value"]),
            each["options"],
            tuple(each.get("labels", ())),
            tuple(each.get("vocabulary", ())),
            {name: _decoded(note) for name, note in each.get("notes", {}).items()},
        )
        for path in sorted(GOLDEN.glob("*.json"))
        for each in json.loads(path.read_text("utf-8"))
    ]


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "dtype" in value:
        array = np.array(value["data"], value["dtype"])
        return array.reshape(value["shape"]) if "shape" in value else array
    if "base64" in value:
        return base64.b64decode(value["base64"])
    if "tuple" in value:
        return tuple(_decoded(each) for each in value["tuple"])
    if "list" in value:
        return [_decoded(each) for each in value["list"]]
    return {key: _decoded(each) for key, each in value["mapping"].items()}


SIZES = (
    ((20, 30), (10, 15)), ((33, 47), (20, 60)), ((64, 48), (16, 12)), ((17, 23), (50, 70)), ((5, 7), (5, 14)),
    ((9, 9), (3, 3)), ((1, 1), (4, 4)), ((40, 40), (39, 41)), ((120, 160), (56, 56)), ((31, 77), (7, 5)),
)  # fmt: skip


def resizes(dtype: str, library: str, interpolation: str, seed: int = 0) -> Drawn:
    """Pictures of noise, larger and smaller, one channel and three."""
    draw = np.random.default_rng(seed)
    for source, target in SIZES:
        for channels in (1, 3):
            image = draw.integers(0, 256, (*source, channels)).astype(dtype)
            options = {"size": target, "interpolation": interpolation, "library": library}
            yield StepCase("resize", image, options)


def sized(draw: np.random.Generator) -> Drawn:
    """Sizes that follow from the picture's own."""
    for _ in range(25):
        image = draw.integers(0, 256, (*draw.integers(3, 90, 2), 3)).astype(np.uint8)
        side = int(draw.integers(8, 100))
        yield StepCase("resize", image, {"size": (side, side + 9), "keep_ratio": True})
        yield StepCase("resize_short", image, {"size": side})
        yield StepCase("resize_long", image, {"size": side, "library": "pillow"})
        yield StepCase("resize_width", image, {"height": 16, "base_width": 30, "max_width": side + 20})
        limit = str(draw.choice(["max", "min", "long"]))
        options = {"side": side, "limit": limit, "multiple": 8, "max_side": 96}
        yield StepCase("resize_limit", image, {**options, "rounding": str(draw.choice(["nearest", "up"]))})
        yield StepCase("color", image, {"source": "BGR", "target": str(draw.choice(["GRAY", "RGB"]))})
        yield StepCase("crop", image, {"size": (3, int(draw.integers(1, 9)))})


def arrays(draw: np.random.Generator) -> Drawn:
    """Arrays of every type, numbers that do not fit, axes that do not exist."""
    for dtype in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"):
        values = (draw.normal(0, 60, (3, 4, 5))).astype(dtype)
        for target in ("bool", "uint8", "int16", "int64", "float16", "float32", "float64"):
            yield StepCase("cast", values, {"dtype": target})
            yield StepCase("cast", np.abs(values), {"dtype": target})
        yield StepCase("pad", values, {"axes": (1, -1), "to": (6, 5), "multiple": 4, "where": "center"})
        yield StepCase("pad", values, {"axes": (0,), "fill": 2.0, "multiple": 7, "where": "start"})
        yield StepCase("transpose", values, {"order": (2, 0, 1)})
        yield StepCase("normalize", values, {"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7), "order": "CHW"})
        yield StepCase("argmax", values, {"axis": 1})
        yield StepCase("softmax", values, {"axis": int(draw.integers(-3, 3))})
        yield StepCase("sigmoid", values, {})
        yield StepCase("reshape", values, {"shape": (4, -1)})
        yield StepCase("reshape", values, {"shape": (7, -1)})
        yield StepCase("expand", values, {"axis": -1})
        yield StepCase("squeeze", values[:1], {"axes": (0,)})
        yield StepCase("squeeze", values, {"axes": (0,)})
    for odd in (np.array([np.nan, 1.0]), np.array([np.inf]), np.array([3e38, 1e300]), np.array([70000.0])):
        for target in ("uint8", "float16", "float32"):
            yield StepCase("cast", odd, {"dtype": target})
    yield StepCase("cast", [[1, 2], [3, 4]], {"dtype": "float32"})
    yield StepCase("cast", [[1, 2.5], [True, 4]], {"dtype": "float32"})
    yield StepCase("cast", [[1, 2], [3]], {"dtype": "float32"})


def answers(draw: np.random.Generator) -> Drawn:
    """Scores into answers."""
    labels = tuple("abcdefg")
    for _ in range(20):
        scores = draw.random(7, np.float32).round(int(draw.integers(1, 7)))
        yield StepCase("topk", scores, {"k": int(draw.integers(1, 9))}, labels)
        yield StepCase("threshold", draw.random(2), {"at": 0.4}, ("no", "yes"))
        yield StepCase(
            "number", draw.normal(0, 100, (1,)), {"scale": 3.7, "digits": int(draw.integers(0, 5))}
        )
        steps = draw.random((int(draw.integers(0, 300)), 9), np.float32)
        merge = bool(draw.integers(0, 2))
        yield StepCase("ctc_decode", steps, {"merge": merge, "blank": int(draw.integers(-1, 9))}, labels)
        rows = draw.random((30, 6)).astype(np.float32) * (3, 1, 50, 50, 90, 90)
        rows[:, 0] = np.floor(rows[:, 0] - 0.3)
        notes = {"source_size": (70, 80), "scale": (0.5, 0.7), "offset": (2.0, 3.0)}
        place = str(draw.choice(["source", "model"]))
        yield StepCase("detection_rows", rows.astype(np.float32), {"coordinates": place}, labels, (), notes)
        yield StepCase("nms", np.abs(rows).astype(np.float32), {"iou": 0.3, "keep": 12})
        boxes = draw.random((12, 4), np.float32) * 40
        corners = np.add(boxes, (0, 0, 20, 20))
        yield StepCase("nms", [corners, draw.random((3, 12), np.float32)], {"candidates": 9})
        mask = draw.random((3, 20, 24), np.float32)
        noted = {"source_size": (41, 33), "scale": (0.4, 0.6), "offset": (1.0, 2.0)}
        yield StepCase("mask", mask, {}, (), (), noted)
    yield StepCase("label_map", 3, {}, labels)
    yield StepCase("label_map", 9, {}, labels)
    yield StepCase("ctc_decode", draw.random((9000, 4), np.float32), {"space": False}, ("𠮷", "é", "ü"))


ALPHABET = (
    "aàáäßçéİıΣσςÅåﬁŒ王林海风𠀀𪜀ＡＢｃ１２３！，。、“”（）$#@^_~`'"
    "\u2019.-·:;?\t\n\r \u00a0\u3000\u2003\u200b\u200d\ufeff"
    "\x00\x07\ufffd\ue000각힣とガｶﾞ①㎏½é\u0301e\u0308\u0345"
)


def texts(draw: np.random.Generator) -> Drawn:
    """Mixed scripts, marks, full-width letters, what is no letter."""
    pieces = [*"abcdeéaou王海𠀀123!.", "##b", "##c", "##de", "##海", "ab", "σας", "##ς"]
    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(pieces))
    characters = list(ALPHABET)
    for _ in range(120):
        length = int(draw.integers(0, 40))
        text = "".join(draw.choice(characters, length).tolist())
        form = [None, "NFC", "NFD", "NFKC", "NFKD"][int(draw.integers(0, 5))]
        lower = bool(draw.integers(0, 2))
        yield StepCase("tokenize_chars", text, {"form": form, "lower": lower, "spaces": False})
        yield StepCase("tokenize_words", text, {"form": form, "lower": lower})
        options = {"form": form, "lower": lower, "pad": lower, "max_length": 24, "mask": "m", "side": "start"}
        yield StepCase("tokenize_bert", text, options, (), vocabulary)
        tokens = list(text)
        yield StepCase("lookup", tokens, {"max_length": 20, "pad": "[PAD]"}, (), vocabulary)


def maps(draw: np.random.Generator, count: int) -> Drawn:
    """Probability maps with boxes that lie apart, straight and turned, inside and over the border."""
    for place in range(count):
        height, width = (int(each) for each in draw.integers(60, 200, 2))
        canvas = np.zeros((height, width), np.float32)
        for top in range(12, height - 10, 40):
            middle = (float(draw.uniform(0, width)), top + float(draw.uniform(0, 10)))
            size = (float(draw.uniform(14, 60)), float(draw.uniform(8, 16)))
            angle = float(draw.uniform(-20, 20)) if place % 2 else 0.0
            corners = cv2.boxPoints((middle, size, angle)).astype(np.int32)
            cv2.fillPoly(canvas, [corners], float(draw.uniform(0.65, 1)))
        scale = (float(draw.uniform(0.4, 1.6)), float(draw.uniform(0.4, 1.6)))
        notes = {
            "source_size": (int(height / scale[0]), int(width / scale[1])),
            "scale": scale,
            "offset": (0.0, 0.0),
        }
        options = {"dilation": place % 3 == 0, "order": "yx" if place % 5 == 0 else "xy"}
        yield StepCase("db_boxes", canvas[None], options, (), (), notes)


def smooth(height: int, width: int) -> Image.Image:
    """A picture as cameras make them: no noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 9 + y / 17), 127 + 100 * np.cos(x / 5), y * 255 / height]
    return Image.fromarray(np.stack(waves, 2).clip(0, 255).astype(np.uint8))


def noise(height: int, width: int) -> Image.Image:
    """A picture of nothing but noise."""
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of its file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exact_pictures() -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Files that every decoder must read alike, with options of the step."""
    deep = Image.fromarray(np.random.default_rng(1).integers(0, 65536, (21, 33)).astype(np.uint16))
    for image in (smooth(61, 83), noise(37, 53)):
        alpha = image.copy()
        alpha.putalpha(noise(image.height, image.width).convert("L"))
        gray = image.convert("L")
        seen = image.getpixel((3, 3))
        files = [encoded(each, "PNG") for each in (image, gray, image.convert("1"), image.quantize(30), deep)]
        files += [encoded(each, "BMP") for each in (image, gray, image.quantize(20), image.convert("1"))]
        files += [
            encoded(image, "GIF"),
            encoded(image, "TIFF"),
            encoded(gray, "TIFF", compression="tiff_lzw"),
        ]
        for ground in ("drop", "white", "black"):
            clear = [encoded(alpha, "PNG"), encoded(alpha.convert("LA"), "PNG")]
            clear += [
                encoded(image.quantize(7), "PNG", transparency=3),
                encoded(image, "PNG", transparency=seen),
            ]
            yield from ((each, {"alpha": ground}) for each in clear)
        yield from ((each, {}) for each in files)
    for orientation in range(1, 10):
        tags = Image.Exif()
        tags[0x0112] = orientation
        turned = encoded(smooth(20, 31), "PNG", exif=tags)
        yield turned, {}
        yield turned, {"exif": False}


def jpegs() -> Iterator[bytes]:
    """All the qualities, samplings and orders that matter."""
    for image in (smooth(61, 83), noise(37, 53)):
        for quality in (50, 75, 90, 100):
            for sampling in (0, 1, 2):
                for progressive in (False, True):
                    options = {"quality": quality, "subsampling": sampling, "progressive": progressive}
                    yield encoded(image, "JPEG", **options)
        yield encoded(image.convert("L"), "JPEG", quality=80)
    for orientation in range(1, 10):
        tags = Image.Exif()
        tags[0x0112] = orientation
        yield encoded(smooth(20, 31), "JPEG", exif=tags)
    yield encoded(smooth(480, 640), "JPEG", quality=85)


def damaged() -> Iterator[bytes]:
    """Files that nobody can read."""
    picture = encoded(smooth(61, 83), "PNG")
    photo = encoded(smooth(61, 83), "JPEG")
    yield from (b"", b"hello world, no image", picture[:200], picture[:60], photo[:600], b"\x89PNG\r\n\x1a\n")
    yield from (
        b"GIF89a",
        b"BM" + b"\0" * 30,
        b"\xff\xd8\xff\xe0",
        encoded(smooth(9, 9), "WEBP", lossless=True)[:40],
    )


FAMILIES: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "sized": sized,
    "arrays": arrays,
    "answers": answers,
    "texts": texts,
}
