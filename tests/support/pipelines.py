"""Contracts of every kind with a few samples, for tests of what is done to pipelines; no model, no engine."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.contract import Contract, HeldOut, Pipeline, Sample, StepCall, TensorSpec

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
LABELS = ("dog", "ant", "cat", "bee", "eel")
ALPHABET = tuple("abcdefghijklmnop")
VOCABULARY = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", *"ABCDEFGHIJ", *"0123456789",
    *",.! ，！ａ", *"好书不是的很é", "hello", "world", "room", "bright", "##s", "不是", "very",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A contract, its samples, and outputs such as its model could give (batch axis of 1)."""

    contract: Contract
    held_out: HeldOut
    outputs: Callable[[np.random.Generator], list[np.ndarray]]


# -- samples -------------------------------------------------------------------------------------------------
def _pixels(height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [np.sin(x / 5 + seed) + np.cos(y / 7), np.cos(x / 9), np.sin((x + y) / 4)]
    smooth = (np.stack(planes, axis=2) * 45 + 120 + np.array([40, 0, -30])).clip(0, 255)
    return (smooth + rng.normal(0, 4, smooth.shape)).clip(0, 255).astype("uint8")


def _file(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def pictures(*, kinds: tuple[str, ...] = ("color", "gray", "wide", "turned", "cut-out")) -> tuple[bytes, ...]:
    """PNG files: in color, gray, three times as wide as high, on its side by EXIF, half transparent."""
    exif = Image.Exif()
    exif[0x0112] = 6
    hidden = np.dstack([_pixels(61, 83, 4), np.tile(np.where(np.arange(83) < 40, 0, 255), (61, 1))])
    made = {
        "color": _file(Image.fromarray(_pixels(61, 83, 1))),
        "gray": _file(Image.fromarray(_pixels(70, 60, 2)[:, :, 0])),
        "wide": _file(Image.fromarray(_pixels(50, 260, 3))),
        "turned": _file(Image.fromarray(_pixels(60, 90, 5)), exif=exif),
        "cut-out": _file(Image.fromarray(hidden.astype("uint8"))),
    }
    return tuple(made[kind] for kind in kinds)


TEXTS = (
    "Hello World, a very bright Room!",
    "Ｈｅｌｌｏ，好书！ 不是 CAFE\u0301 é ① 龘 9.5",
    "good " * 40 + "Ends",
    "不是很好的书",
    "bad",
)


def held_out(payloads: tuple[Any, ...], labels: tuple[Any, ...]) -> HeldOut:
    samples = [Sample(str(place), *pair) for place, pair in enumerate(zip(payloads, labels, strict=True))]
    return HeldOut(tuple(samples), "sha256:" + "0" * 64, "made up")


# -- contracts -----------------------------------------------------------------------------------------------
def pipeline(*calls: tuple[str, dict[str, Any]]) -> Pipeline:
    return Pipeline(tuple(StepCall(name, options) for name, options in calls))


def _image(*shape: int | str, low: float | None = -3.0, high: float | None = 3.0) -> tuple[TensorSpec, ...]:
    return (TensorSpec("x", "float32", ("batch", *shape), "NCHW", low, high),)


def _scores(*shape: int | str, layout: str = "NC") -> tuple[TensorSpec, ...]:
    return (TensorSpec("scores", "float32", ("batch", *shape), layout),)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype("float32")


def _logits(*shape: int) -> Callable[[np.random.Generator], list[np.ndarray]]:
    return lambda rng: [rng.normal(0, 3, (1, *shape)).astype("float32")]


def _probabilities(*shape: int) -> Callable[[np.random.Generator], list[np.ndarray]]:
    return lambda rng: [_softmax(rng.normal(0, 3, (1, *shape)))]


IMAGENET = ("normalize", {"mean": MEAN, "std": STD})
HALF = ("normalize", {"scale": 1 / 255, "mean": [0.5], "std": [0.5]})
FIRST = ("transpose", {"order": [2, 0, 1]})


def classifier() -> Case:
    middle = [("resize_short", {"size": 48}), ("crop", {"size": [40, 40]})]
    before = [("decode_image", {}), *middle, IMAGENET, FIRST]
    contract = Contract(
        "classifier", "classification", _image(3, 40, 40), _scores(5), pipeline(*before),
        pipeline(("softmax", {}), ("topk", {"k": 2})), LABELS,
    )  # fmt: skip
    return Case(contract, held_out(pictures(), (0, 1, 2, 3, 4)), _logits(5))


def stretched() -> Case:
    before = [("decode_image", {"color": "BGR"}), ("resize", {"size": [40, 56]}), HALF, FIRST]
    contract = Contract(
        "stretched", "classification", _image(3, 40, 56, low=-1, high=1), _scores(5), pipeline(*before),
        pipeline(("argmax", {}), ("label_map", {})), LABELS,
    )  # fmt: skip
    return Case(contract, held_out(pictures(), (0, 1, 2, 3, 4)), _logits(5))


def fitted() -> Case:
    fit = ("pad", {"axes": [0, 1], "to": [48, 48], "where": "center", "fill": 114})
    before = [("decode_image", {}), ("resize_long", {"size": 48}), fit, IMAGENET, FIRST]
    contract = Contract(
        "fitted", "regression", _image(3, 48, 48), _scores(1), pipeline(*before),
        pipeline(("number", {"scale": 10, "offset": 5})),
    )  # fmt: skip
    return Case(contract, held_out(pictures(), (1.0, 2.0, 3.0, 4.0, 5.0)), _logits(1))


def line() -> Case:
    width = ("resize_width", {"height": 16, "base_width": 64, "max_width": 256})
    before = [("decode_image", {"color": "BGR"}), width, HALF, FIRST, ("pad", {"axes": [2], "to": [64]})]
    contract = Contract(
        "line", "text-recognition", _image(3, 16, "width", low=-1, high=1), _scores("time", 18, layout="NTC"),
        pipeline(*before), pipeline(("ctc_decode", {})), ALPHABET,
    )  # fmt: skip

    def outputs(rng: np.random.Generator) -> list[np.ndarray]:
        path = np.repeat(rng.integers(0, 18, 12), 2)
        return [_softmax(np.eye(18)[path] * 5 + rng.normal(0, 0.3, (24, 18)))[None]]

    return Case(contract, held_out(pictures(), ("add a", "hello", "no", "be on", "kick")), outputs)


def page() -> Case:
    before = [("decode_image", {"color": "BGR"}), ("resize_limit", {"side": 64}), IMAGENET, FIRST]
    contract = Contract(
        "page", "text-detection", _image(3, "height", "width"), _scores(1, "height", "width", layout="NCHW"),
        pipeline(*before), pipeline(("db_boxes", {})),
    )  # fmt: skip

    def outputs(rng: np.random.Generator) -> list[np.ndarray]:
        found = rng.uniform(0, 0.01, (1, 1, 64, 64)).astype("float32")
        found[..., 8:20, 6:50], found[..., 30:42, 10:56], found[..., 50:60, 8:40] = 0.98, 0.65, 0.85
        found[..., 6:8, 6:50] = 0.2
        return [found]

    return Case(contract, held_out(pictures(), (None,) * 5), outputs)


def boxes() -> Case:
    before = [
        ("decode_image", {}), ("resize", {"size": [32, 64], "keep_ratio": True}), ("normalize", {}), FIRST,
        ("pad", {"axes": [1, 2], "multiple": 32}),
        ("feed", {"inputs": {"image": "value", "im_shape": "im_shape", "scale_factor": "scale_factor"}}),
    ]  # fmt: skip
    image = TensorSpec("image", "float32", ("batch", 3, "height", "width"), "NCHW", 0, 1)
    pairs = tuple(TensorSpec(name, "float32", ("batch", 2), "NC") for name in ("im_shape", "scale_factor"))
    rows = TensorSpec("rows", "float32", ("n", 6), "DV")
    after = [("select", {"output": 0}), ("detection_rows", {"score": 0.5})]
    contract = Contract(
        "boxes", "detection", (image, *pairs), (rows, TensorSpec("count", "int32", ("batch",), "N")),
        pipeline(*before), pipeline(*after), LABELS,
    )  # fmt: skip

    def outputs(rng: np.random.Generator) -> list[np.ndarray]:
        low = rng.uniform(0, 20, (5, 2))
        high = low + rng.uniform(5, 30, (5, 2))
        found = np.column_stack([rng.permutation(5), np.linspace(0.97, 0.3, 5), low, high])
        return [found.astype("float32"), np.array([5], "int32")]

    return Case(contract, held_out(pictures(), (None,) * 5), outputs)


def candidates() -> Case:
    before = [("decode_image", {}), ("resize", {"size": [32, 32]}), HALF, FIRST]
    outputs = (
        TensorSpec("boxes", "float32", ("batch", 8, 4), "NBC"),
        TensorSpec("scores", "float32", ("batch", 5, 8), "NCB"),
    )
    contract = Contract(
        "candidates", "detection", _image(3, 32, 32, low=-1, high=1), outputs, pipeline(*before),
        pipeline(("nms", {"score": 0.4}), ("detection_rows", {"score": 0.4, "coordinates": "model"})), LABELS,
    )  # fmt: skip

    def made(rng: np.random.Generator) -> list[np.ndarray]:
        low = np.repeat(rng.uniform(0, 10, (4, 2)), 2, axis=0) + rng.uniform(0, 3, (8, 2))
        found = np.hstack([low, low + 14])[None].astype("float32")
        return [found, rng.uniform(0, 1, (1, 5, 8)).astype("float32")]

    return Case(contract, held_out(pictures(), (None,) * 5), made)


def masks() -> Case:
    before = [("decode_image", {}), ("resize", {"size": [32, 48]}), IMAGENET, FIRST]
    contract = Contract(
        "masks", "segmentation", _image(3, 32, 48), _scores(4, 32, 48, layout="NCHW"), pipeline(*before),
        pipeline(("argmax", {"axis": 0}), ("mask", {})),
    )  # fmt: skip
    return Case(contract, held_out(pictures(), (None,) * 5), _logits(4, 32, 48))


def arrays() -> Case:
    rng = np.random.default_rng(0)
    contract = Contract(
        "arrays", "classification", _image(1, 8, 8, low=0, high=1), _scores(2),
        pipeline(("cast", {"dtype": "float32"})), pipeline(("threshold", {})), ("yes", "no"),
    )  # fmt: skip
    images = tuple(rng.uniform(0, 1, (1, 8, 8)).astype("float32") for _ in range(4))
    return Case(contract, held_out(images, (0, 1, 1, 0)), _probabilities(2))


def _text(name: str, inputs: tuple[str, ...], *calls: tuple[str, dict[str, Any]]) -> Case:
    specs = tuple(
        TensorSpec(each, "int64", ("batch", "length"), "NT", 0, len(VOCABULARY) - 1) for each in inputs
    )
    contract = Contract(
        name, "text-classification", specs, _scores(3), pipeline(*calls), pipeline(("topk", {})),
        ("good", "bad", "so so"), VOCABULARY, files={"vocabulary": "vocabulary.txt"}, root=Path(),
    )  # fmt: skip
    return Case(contract, held_out(TEXTS, (0, 0, 0, 1, 1)), _probabilities(3))


def bert() -> Case:
    options = {"max_length": 32, "pad": True, "types": "types", "ids": "ids"}
    return _text("bert", ("ids", "types"), ("tokenize_bert", options))


def folded() -> Case:
    chars = ("tokenize_chars", {"lower": True, "spaces": False, "form": "NFKC"})
    fill = ("pad", {"axes": [0], "to": [32], "multiple": 32})
    return _text("folded", ("ids",), chars, ("lookup", {"max_length": 96}), fill)


def raw() -> Case:
    return _text("raw", ("ids",), ("tokenize_chars", {}), ("lookup", {}))


def words() -> Case:
    lookup = ("lookup", {"max_length": 16, "pad": "[PAD]"})
    return _text("words", ("ids",), ("tokenize_words", {"lower": True}), lookup)


CASES: dict[str, Callable[[], Case]] = {
    each.__name__: cache(each)
    for each in (
        classifier, stretched, fitted, line, page, boxes, candidates, masks, arrays, bert, folded, raw, words,
    )
}  # fmt: skip
