"""The cases that the steps of C++ are held against those of Python on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from PIL import Image

from support.cpp_cases import StepCase

_RNG = np.random.default_rng(20261121)
_VOCABULARY = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "hello",
    "wor",
    "##ld",
    "##s",
    "!",
    "你",
    "好",
    "world",
    "a",
    "e",
)
_BOXED = {"source_size": (100, 200), "scale": (0.5, 0.25), "offset": (3.0, 1.5)}


def _bytes(height: int, width: int, channels: int = 3) -> np.ndarray:
    return _RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)


def _floats(*shape: int) -> np.ndarray:
    return (_RNG.random(shape) * 4 - 2).astype(np.float32)


def _file(picture: Image.Image, format_: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format_, **options)
    return out.getvalue()


def _resizing() -> Iterator[StepCase]:
    sizes = [
        ((60, 200), (48, 160)),
        ((33, 77), (48, 192)),
        ((17, 19), (8, 8)),
        ((64, 64), (32, 32)),
        ((64, 48), (16, 8)),
        ((10, 10), (30, 41)),
    ]
    for library in ("opencv", "pillow"):
        for kind in ("nearest", "linear", "cubic", "area", "lanczos"):
            for (h, w), size in sizes:
                options = {"size": size, "interpolation": kind, "library": library}
                # OpenCV's vector code rounds the odd pixel of cubic another way (see the how-to).
                loose = library == "opencv" and kind == "cubic"
                yield StepCase(
                    f"resize-{library}-{kind}-bytes",
                    [("resize", options)],
                    _bytes(h, w),
                    atol=1 if loose else 0,
                )
                yield StepCase(
                    f"resize-{library}-{kind}-floats", [("resize", options)], _floats(h, w, 2), atol=2e-6
                )
    for library in ("align_corners", "asymmetric"):
        for kind in ("nearest", "linear"):
            options = {"size": (13, 29), "interpolation": kind, "library": library}
            yield StepCase(f"resize-{library}-{kind}", [("resize", options)], _bytes(21, 17))
            yield StepCase(f"resize-{library}-{kind}-floats", [("resize", options)], _floats(8, 40, 3))
    yield StepCase("resize-ratio", [("resize", {"size": (32, 64), "keep_ratio": True})], _bytes(50, 80))
    yield StepCase("resize-ratio-long", [("resize", {"size": (32, 40), "keep_ratio": True})], _bytes(20, 80))
    yield StepCase("resize-gray", [("resize", {"size": (8, 8), "interpolation": "area"})], _bytes(28, 28, 1))
    yield StepCase("resize-int", [("resize", {"size": (8, 8)})], _bytes(9, 9).astype(np.int32))
    yield StepCase("resize-none", [("resize", {"size": (0, 8)})], _bytes(9, 9))
    yield StepCase("resize-long", [("resize_long", {"size": 40})], _bytes(31, 57))
    yield StepCase("resize-short", [("resize_short", {"size": 40, "library": "pillow"})], _bytes(31, 57))
    yield StepCase("resize-short-zero", [("resize_short", {"size": 0})], _bytes(31, 57))
    for limit, side in (("max", 64), ("min", 100), ("long", 96)):
        yield StepCase(f"limit-{limit}", [("resize_limit", {"side": side, "limit": limit})], _bytes(70, 130))
    yield StepCase(
        "limit-up", [("resize_limit", {"side": 500, "rounding": "up", "max_side": 128})], _bytes(170, 230)
    )
    for width, base in ((200, None), (900, 320), (40, 320), (2000, 320)):
        options = {"height": 48, "base_width": base, "max_width": 640}
        yield StepCase(f"width-{width}", [("resize_width", options)], _bytes(50, width))


def _decoding() -> Iterator[StepCase]:
    color = Image.fromarray(_bytes(23, 37))
    gray = Image.fromarray(_bytes(23, 37, 1)[:, :, 0])
    clear = Image.fromarray(_bytes(23, 37, 4))
    smooth = Image.fromarray(cv2.resize(_bytes(6, 8), (64, 48), interpolation=cv2.INTER_CUBIC))
    deep = Image.fromarray(_RNG.integers(0, 65536, (9, 11), dtype=np.uint16))
    shallow = Image.fromarray(_RNG.integers(0, 200, (9, 11), dtype=np.uint16))
    exif = Image.Exif()
    files = {
        "png": _file(color, "PNG"),
        "png-gray": _file(gray, "PNG"),
        "png-alpha": _file(clear, "PNG"),
        "png-gray-alpha": _file(clear.convert("LA"), "PNG"),
        "png-palette": _file(color.quantize(16), "PNG"),
        "png-palette-clear": _file(color.quantize(7), "PNG", transparency=3),
        "png-gray-clear": _file(gray, "PNG", transparency=int(np.asarray(gray)[2, 2])),
        "png-color-clear": _file(color, "PNG", transparency=tuple(int(v) for v in np.asarray(color)[1, 1])),
        "png-bits": _file(gray.convert("1"), "PNG"),
        "png-deep": _file(deep, "PNG"),
        "png-deep-shallow": _file(shallow, "PNG"),
        "bmp": _file(color, "BMP"),
        "bmp-gray": _file(gray, "BMP"),
        "ppm": _file(color, "PPM"),
        "pgm": _file(gray, "PPM"),
        "jpeg": _file(smooth, "JPEG", quality=80),
        "jpeg-444": _file(smooth, "JPEG", quality=95, subsampling=0),
        "jpeg-gray": _file(smooth.convert("L"), "JPEG"),
        "jpeg-progressive": _file(smooth, "JPEG", progressive=True),
        "jpeg-cmyk": _file(smooth.convert("CMYK"), "JPEG"),
        "jpeg-noise": _file(color, "JPEG"),
    }
    for orientation in range(2, 9):
        exif[0x0112] = orientation
        files[f"jpeg-turned-{orientation}"] = _file(smooth, "JPEG", exif=exif)
        files[f"png-turned-{orientation}"] = _file(color, "PNG", exif=exif)
    for name, data in files.items():
        for options in ({"color": "BGR"}, {"color": "GRAY"}, {"color": "RGB", "alpha": "white"}):
            yield StepCase(f"decode-{name}-{options['color']}", [("decode_image", options)], data)
    yield StepCase("decode-black", [("decode_image", {"alpha": "black", "exif": False})], files["png-alpha"])
    yield StepCase("decode-unturned", [("decode_image", {"exif": False})], files["png-turned-6"])
    yield StepCase("decode-many", [("decode_image", {"max_pixels": 100})], files["png"])
    for name in ("png", "jpeg"):
        yield StepCase(f"decode-cut-{name}", [("decode_image", {})], files[name][: len(files[name]) // 2])
    broken = bytearray(files["png"])
    broken[60] ^= 255
    yield StepCase("decode-broken", [("decode_image", {})], bytes(broken))
    yield StepCase("decode-none", [("decode_image", {})], b"this is no picture")
    yield StepCase("decode-empty", [("decode_image", {})], b"")
    yield StepCase("decode-missing", [("decode_image", {})], "no-such-picture.png")
    yield StepCase("decode-array", [("decode_image", {"color": "GRAY"})], _bytes(4, 5, 1)[:, :, 0])
    yield StepCase("decode-array-wrong", [("decode_image", {})], _floats(4, 5, 3))


def _shapes() -> Iterator[StepCase]:
    for source, target, channels in (
        ("RGB", "BGR", 3),
        ("RGB", "GRAY", 3),
        ("BGR", "GRAY", 3),
        ("GRAY", "RGB", 1),
        ("RGB", "RGB", 3),
    ):
        options = {"source": source, "target": target}
        yield StepCase(f"color-{source}-{target}", [("color", options)], _bytes(31, 45, channels))
        yield StepCase(
            f"color-{source}-{target}-floats", [("color", options)], _floats(5, 7, channels), atol=3e-7
        )
    yield StepCase("color-wrong", [("color", {"source": "GRAY", "target": "RGB"})], _bytes(3, 3))
    yield StepCase("crop", [("crop", {"size": (5, 4)})], _bytes(8, 9))
    yield StepCase("crop-large", [("crop", {"size": (50, 4)})], _bytes(8, 9))
    for dtype in ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bool"):
        yield StepCase(f"cast-{dtype}", [("cast", {"dtype": dtype})], _floats(3, 4) * 30)
        yield StepCase(f"cast-{dtype}-ints", [("cast", {"dtype": dtype})], np.arange(-3, 120).reshape(3, -1))
    yield StepCase("cast-large", [("cast", {"dtype": "float16"})], np.array([1e30, -2.0]))
    yield StepCase(
        "cast-half", [("cast", {"dtype": "float16"})], (_RNG.random(200) * 1e-5).astype(np.float32)
    )
    yield StepCase("cast-nan", [("cast", {"dtype": "int32"})], np.array([np.nan]))
    yield StepCase("expand", [("expand", {"axis": -1})], _floats(3, 4))
    yield StepCase("expand-wrong", [("expand", {"axis": 4})], _floats(3, 4))
    yield StepCase("squeeze", [("squeeze", {"axes": (0, -1)})], _floats(1, 4, 1))
    yield StepCase("squeeze-wrong", [("squeeze", {"axes": (1,)})], _floats(1, 4, 1))
    yield StepCase("reshape", [("reshape", {"shape": (2, -1, 3)})], _floats(4, 9))
    yield StepCase("reshape-wrong", [("reshape", {"shape": (5, -1)})], _floats(4, 9))
    yield StepCase("transpose", [("transpose", {"order": (2, 0, 1)})], _bytes(6, 5))
    yield StepCase("transpose-floats", [("transpose", {"order": (1, 0, 3, 2)})], _floats(2, 3, 4, 5))
    yield StepCase("transpose-wrong", [("transpose", {"order": (1, 0)})], _bytes(6, 5))
    for where in ("end", "center", "start"):
        options = {"axes": (0, 1), "to": (9, 4), "multiple": 4, "fill": 7.0, "where": where}
        yield StepCase(f"pad-{where}", [("pad", options)], _bytes(6, 5), geometry=_BOXED)
    yield StepCase("pad-text", [("pad", {"axes": (0,), "to": (32,), "multiple": 32})], np.arange(40))
    yield StepCase("pad-wrong", [("pad", {"axes": (0,), "fill": 0.5})], _bytes(6, 5))
    yield StepCase("pad-huge", [("pad", {"axes": (0,), "to": (1 << 40,)})], _bytes(6, 5))
    yield StepCase(
        "normalize",
        [("normalize", {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)})],
        _bytes(9, 8),
    )
    yield StepCase(
        "normalize-chw",
        [("normalize", {"scale": 1 / 127.5, "mean": (1.0,), "order": "CHW"})],
        _floats(3, 4, 5),
    )
    yield StepCase("normalize-wrong", [("normalize", {"mean": (0.5, 0.5)})], _bytes(9, 8))
    yield StepCase("normalize-zero", [("normalize", {"std": (0.0,)})], _bytes(9, 8))
    yield StepCase(
        "feed",
        [
            ("resize", {"size": (4, 6)}),
            ("feed", {"inputs": {"image": "value", "scale_factor": "scale_factor", "s": "scale"}}),
        ],
        _bytes(9, 8),
    )
    yield StepCase("feed-one", [("feed", {"inputs": {"x": "value"}})], _floats(3))
    yield StepCase(
        "feed-key", [("feed", {"inputs": {"x": "value.a", "y": "value.b"}})], {"a": _floats(3), "b": [1, 2]}
    )
    yield StepCase("feed-unknown", [("feed", {"inputs": {"x": "valid_width"}})], _floats(3))
    yield StepCase("select", [("select", {"output": 1})], [_floats(3), _floats(4)])
    yield StepCase("select-wrong", [("select", {"output": 5})], [_floats(3), _floats(4)])


def _scores() -> Iterator[StepCase]:
    labels = ("ä", "b", "c", "d")
    tied = np.array([0.1, 0.4, 0.4, 0.1], np.float32)
    for k in (1, 3, 9):
        yield StepCase(f"topk-{k}", [("topk", {"k": k})], tied, labels=labels)
    yield StepCase("topk-unlabelled", [("topk", {})], np.array([1.0, np.nan, 3.0]))
    yield StepCase("topk-wrong", [("topk", {})], _floats(3), labels=labels)
    yield StepCase("softmax", [("softmax", {})], _floats(3, 7), atol=1e-7)
    yield StepCase("softmax-axis", [("softmax", {"axis": 0})], _floats(3, 7).astype(np.float64), atol=1e-15)
    yield StepCase("softmax-half", [("softmax", {})], _floats(7).astype(np.float16), atol=1e-7)
    yield StepCase("sigmoid", [("sigmoid", {})], _floats(50) * 400, atol=1e-7)
    yield StepCase("argmax", [("argmax", {"axis": 0})], _floats(5, 3, 4))
    yield StepCase("argmax-nan", [("argmax", {})], np.array([[1.0, np.nan, 2.0], [3.0, 3.0, 1.0]]))
    yield StepCase("argmax-empty", [("argmax", {})], np.zeros((0, 3)))
    yield StepCase("label-map", [("label_map", {})], np.array([2]), labels=labels)
    yield StepCase("label-map-beyond", [("label_map", {})], np.array([7]), labels=labels)
    yield StepCase("label-map-part", [("label_map", {})], np.array([0.5]))
    for probability in (0.2, 0.5, 0.7):
        yield StepCase(
            "threshold", [("threshold", {})], np.array([probability], np.float32), labels=("no", "yes")
        )
    yield StepCase("threshold-three", [("threshold", {})], _floats(3))
    yield StepCase("number", [("number", {"scale": 3.7, "offset": -1.1})], np.array([[0.3]], np.float32))
    for digits in (0, 2, 5, -1):
        for value in (2.5, 0.125, 1234.56785, -0.5, 1.005):
            yield StepCase("number-rounded", [("number", {"digits": digits})], np.array(value))
    for blank, space, merge in ((0, True, True), (-1, False, True), (2, True, False)):
        scores = _RNG.random((40, 4 + 1 + space)).astype(np.float32)
        options = {"blank": blank, "space": space, "merge": merge}
        yield StepCase("ctc", [("ctc_decode", options)], scores, labels=labels, atol=1e-15)
    yield StepCase("ctc-empty", [("ctc_decode", {})], np.zeros((0, 6), np.float32), labels=labels)
    yield StepCase("ctc-wrong", [("ctc_decode", {})], _floats(5, 5), labels=labels)
    yield StepCase("mask", [("mask", {})], _floats(4, 60, 60), geometry=_BOXED)
    yield StepCase("mask-indices", [("mask", {})], _RNG.integers(0, 9, (1, 60, 60)), geometry=_BOXED)
    yield StepCase("mask-wrong", [("mask", {})], _floats(6, 6), geometry=_BOXED)
    yield StepCase("mask-unknown", [("mask", {})], np.ones((6, 6)))


def _boxes() -> Iterator[StepCase]:
    def rows(count: int) -> np.ndarray:
        corners = _RNG.random((count, 2)) * 100
        kinds = _RNG.integers(-1, 3, (count, 1))
        scores = np.round(_RNG.random((count, 1)), 2)
        return np.hstack([kinds, scores, corners, corners + _RNG.random((count, 2)) * 60]).astype(np.float32)

    for count in (0, 1, 60):
        yield StepCase(f"nms-{count}", [("nms", {"iou": 0.3})], rows(count))
        for options in ({}, {"coordinates": "model", "order": "yx", "score": 0.25}):
            geometry = _BOXED if options else {}
            yield StepCase(
                f"rows-{count}", [("detection_rows", options)], rows(count), geometry=geometry, atol=1e-12
            )
    boxes = rows(30)[:, 2:]
    yield StepCase(
        "nms-pair", [("nms", {"keep": 5, "candidates": 9})], [boxes, _RNG.random((3, 30)).astype(np.float32)]
    )
    yield StepCase("nms-wrong", [("nms", {})], _floats(3, 5))
    yield StepCase("rows-unnamed", [("detection_rows", {"score": 0.0})], rows(20), labels=("only",))
    for number in range(12):
        score_map = np.zeros((160, 240), np.float32)
        for _ in range(6):
            center = (int(_RNG.integers(20, 220)), int(_RNG.integers(15, 145)))
            size = (int(_RNG.integers(6, 60)), int(_RNG.integers(4, 16)))
            angle = 0.0 if number % 3 == 0 else float(_RNG.random() * 60 - 30)
            corners = cv2.boxPoints((center, size, angle)).astype(np.int32)
            cv2.fillPoly(score_map, [corners], (float(0.6 + 0.4 * _RNG.random()),))
        if number % 2:
            score_map = cv2.GaussianBlur(score_map, (5, 5), 0)
        geometry = {"source_size": (320, 360), "scale": (0.5, 240 / 360), "offset": (0.0, 0.0)}
        options = {"dilation": number % 4 == 1, "order": "yx" if number == 5 else "xy"}
        # One corner of the fifth falls between two pixels (see the how-to).
        near = 1 if number == 5 else 1e-6
        yield StepCase(
            f"boxes-{number}", [("db_boxes", options)], score_map[None], geometry=geometry, atol=near
        )
        yield StepCase(
            f"boxes-{number}-model", [("db_boxes", {"coordinates": "model"})], score_map, atol=1e-6
        )
    yield StepCase("boxes-none", [("db_boxes", {"coordinates": "model"})], np.zeros((5, 5), np.float32))
    yield StepCase("boxes-wrong", [("db_boxes", {})], _floats(2, 5, 5))


def _folded() -> Iterator[StepCase]:
    """What a model with its pipeline folded into it leaves outside."""
    yield StepCase("file-bytes", [("file_bytes", {})], b"\x00\xff*")
    yield StepCase("file-bytes-none", [("file_bytes", {})], b"")
    yield StepCase("file-bytes-array", [("file_bytes", {})], np.array([1, 2], np.uint8))
    rows = [np.array([3, 1]), np.array([0.75, 0.25]), np.array([[1.0, 2.0], [3.0, 4.0]])]
    yield StepCase("pack", [("pack", {"keys": ["top.index", "top.confidence", "boxes"]})], rows)
    yield StepCase("pack-one", [("pack", {"keys": ["value"]})], np.array([2.5]))
    yield StepCase("pack-few", [("pack", {"keys": ["value"]})], rows)
    geometry = [np.array([40, 30]), np.array([0.5, 0.25]), np.array([0.0, 2.0])]
    names = ["source_size", "scale", "offset"]
    corners = np.array([[0, 0.75, 12, 5, 22, 15]], np.float32)
    noted = [("note", {"names": names}), ("detection_rows", {"coordinates": "model"})]
    yield StepCase("note", noted, [corners, *geometry], atol=1e-12)
    yield StepCase("note-few", [("note", {"names": names})], geometry)


def _texts() -> Iterator[StepCase]:
    texts = (
        "Hello, WORLDS!  hello\tworld", "你好，Ｗｏｒｌｄ！", "ÀÉÎõü ﬁne ①② ½ ㎏", "ΣΑΣ ΑΣ. Σ aΣb ΌΣΟΣ",
        "İstanbul ıI",
        "한국어 각 가", "e\u0301a\u0328\u0301 \u1e9b\u0323 \u0344", "", "   ", "x" * 120,
        "a\u00a0b\u2003c\u200bd\u0000e\ufffdf\x1cg\x85h",
        "".join(map(chr, _RNG.integers(0x20, 0x3000, 400))),
        "".join(chr(c) for c in _RNG.integers(0x20, 0x30000, 400) if not 0xD800 <= c < 0xE000),
    )  # fmt: skip
    for text in texts:
        for form in (None, "NFC", "NFD", "NFKC", "NFKD"):
            yield StepCase(
                "chars",
                [("tokenize_chars", {"lower": form != "NFD", "spaces": form == "NFC", "form": form})],
                text,
            )
        yield StepCase("words", [("tokenize_words", {"lower": True})], text)
        for more in (
            {},
            {"lower": False, "ideographs": False, "special": False},
            {"max_length": 8, "pad": True, "mask": "mask", "types": None, "side": "start"},
        ):
            yield StepCase("bert", [("tokenize_bert", more)], text, vocabulary=_VOCABULARY)
    tokens = ["hello", "nobody", "a"]
    for options in (
        {},
        {"max_length": 2},
        {"max_length": 5, "pad": "[PAD]", "side": "start", "dtype": "int32"},
        {"unknown": None},
    ):
        yield StepCase("lookup", [("lookup", options)], tokens, vocabulary=_VOCABULARY)
    yield StepCase("lookup-none", [("lookup", {})], tokens)
    yield StepCase("lookup-text", [("lookup", {})], "hello", vocabulary=_VOCABULARY)
    yield StepCase("bert-none", [("tokenize_bert", {})], "hello", vocabulary=("[UNK]",))
    yield StepCase("chars-array", [("tokenize_chars", {})], _floats(3))


CASES = [*_resizing(), *_decoding(), *_shapes(), *_scores(), *_boxes(), *_texts(), *_folded()]
