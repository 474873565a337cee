"""Contracts and samples on which every way to feed a model wrongly shows, and cases made of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from PIL import Image

from seatrial.contract import Contract, Pipeline, Sample, StepCall, TensorSpec
from seatrial.contract.sample import Payload
from seatrial.diagnosis import Case, Intervention, Reference, Runner, Setup
from seatrial.diagnosis.hypotheses._look import Look, alike
from seatrial.errors import UsageError

Step = tuple[str, Mapping[str, Any]]
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


class Silent(Runner):
    """No hypothesis about feeds may ask the model."""

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """Refuses."""
        raise UsageError("a hypothesis asked the model")

    def answer(self, setup: Setup, payload: Payload) -> Any:
        """Refuses."""
        raise UsageError("a hypothesis asked the service")


def made(name: str, spec: TensorSpec | Sequence[TensorSpec], *steps: Step, **fields: Any) -> Contract:
    """A contract of these steps; what comes out of the model does not matter here."""
    inputs = (spec,) if isinstance(spec, TensorSpec) else tuple(spec)
    task = "text-classification" if fields.get("vocabulary") else "classification"
    outputs = (TensorSpec("p", "float32", ("batch", 2), layout="NC"),)
    pipeline = Pipeline(tuple(StepCall(step, options) for step, options in steps))
    return Contract(name, task, inputs, outputs, preprocess=pipeline, **fields)


def image(*shape: Any, **bounds: float) -> TensorSpec:
    """A spec of one image input."""
    return TensorSpec("x", "float32", ("batch", *shape), layout="NCHW", **bounds)


PHOTO = made(
    "photo classifier",
    image(3, 56, 56),
    ("decode_image", {"color": "RGB"}),
    ("resize_short", {"size": 64}),
    ("crop", {"size": [56, 56]}),
    ("normalize", IMAGENET),
    ("transpose", {"order": [2, 0, 1]}),
)
STRETCHED = made(
    "stretching classifier",
    image(3, 48, 48),
    ("decode_image", {"color": "BGR"}),
    ("resize", {"size": [48, 48]}),
    ("normalize", {"mean": [0.5], "std": [0.5]}),
    ("transpose", {"order": [2, 0, 1]}),
)
PAGE = made(
    "text detector",
    image(3, "height", "width", low=-3.0, high=3.0),
    ("decode_image", {"color": "BGR"}),
    ("resize_limit", {"side": 96, "limit": "max", "multiple": 32}),
    ("normalize", IMAGENET),
    ("transpose", {"order": [2, 0, 1]}),
)
LINE = made(
    "text reader",
    image(3, 48, "width", low=-1.0, high=1.0),
    ("decode_image", {"color": "BGR"}),
    ("resize_width", {"height": 48, "base_width": 320, "max_width": 3200}),
    ("normalize", {"mean": [0.5], "std": [0.5]}),
    ("transpose", {"order": [2, 0, 1]}),
    ("pad", {"axes": [2], "to": [320]}),
)
DIGIT = made("digit reader", image(1, 8, 8, low=0.0, high=1.0), ("cast", {"dtype": "float32"}))
_COMMON = "的一是不了在有我他这中大来上国个到说们为子和你地出道也时年"
CHARACTERS = ("[PAD]", "[UNK]", *_COMMON, *"abcdefghijklmnopqrstuvwxyz0123456789!?", "，", "。")
REVIEW = made(
    "review classifier",
    TensorSpec("ids", "int64", ("batch", "length"), layout="NT", low=0, high=len(CHARACTERS) - 1),
    ("tokenize_chars", {"lower": True, "spaces": False, "form": "NFKC"}),
    ("lookup", {"unknown": "[UNK]", "max_length": 64}),
    ("pad", {"axes": [0], "to": [32], "multiple": 32}),
    vocabulary=CHARACTERS,
)
PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *CHARACTERS[2:], "ro", "##om", "hotel", "##s", "wi", "##fi")
BERT = made(
    "sentence classifier",
    [TensorSpec(name, "int64", ("batch", "length"), layout="NT") for name in ("input_ids", "token_type_ids")],
    ("tokenize_bert", {"lower": True, "max_length": 32, "pad": True}),
    vocabulary=PIECES,
)
WORDS = ("<pad>", "<unk>", "Room", "room", "Hotel", "hotel", "is", "the", "Good", "bad,", "WiFi", "a", "I")
TICKET = made(
    "ticket classifier",
    TensorSpec("ids", "int64", ("batch", "length"), layout="NT", low=0, high=len(WORDS) - 1),
    ("tokenize_words", {"lower": False}),
    ("lookup", {"unknown": "<unk>", "max_length": 24, "pad": "<pad>"}),
    vocabulary=WORDS,
)


def photo(height: int, width: int, channels: int = 3, *, seed: int) -> Any:
    """Pixels with large colored parts, edges and grain, as photographs have them."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(height // 6, 2), max(width // 6, 2), channels)).astype("uint8")
    big = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)
    return (big.astype(int) + rng.integers(-12, 13, big.shape)).clip(0, 255).astype("uint8")


def stored(pixels: Any, *, turned: bool = False) -> bytes:
    """A PNG; a JPEG that its Exif turns when `turned`."""
    stream, picture = io.BytesIO(), Image.fromarray(pixels)
    if turned:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(stream, "JPEG", exif=exif, quality=95)
    else:
        picture.save(stream, "PNG")
    return stream.getvalue()


@cache
def pictures() -> tuple[Sample, ...]:
    """Wide, tall, turned, transparent and gray pictures."""
    files = (
        stored(photo(90, 130, seed=1)),
        stored(photo(130, 80, seed=2)),
        stored(photo(100, 140, seed=3), turned=True),
        stored(photo(64, 96, 4, seed=4)),
        stored(photo(70, 75, seed=5)[:, :, 0]),
    )
    return tuple(Sample(str(place), each) for place, each in enumerate(files))


@cache
def lines() -> tuple[Sample, ...]:
    """Short and long lines, one longer than the reader's standard width, one transparent, one turned."""
    files = (
        stored(photo(40, 180, seed=1)),
        stored(photo(50, 420, seed=2)),
        stored(photo(44, 250, 4, seed=3)),
        stored(photo(120, 40, seed=4), turned=True),
    )
    return tuple(Sample(str(place), each) for place, each in enumerate(files))


@cache
def digits() -> tuple[Sample, ...]:
    """Arrays [1, 8, 8] of 0 to 1 in steps of 1/16."""
    rng = np.random.default_rng(6)
    return tuple(
        Sample(str(place), (rng.integers(0, 17, (1, 8, 8)) / 16).astype("float32")) for place in range(6)
    )


@cache
def texts() -> tuple[Sample, ...]:
    """Frequent characters more often than rare ones; capitals, full-width letters, spaces, long texts."""
    rng = np.random.default_rng(8)
    odds = 1 / (1 + np.arange(len(CHARACTERS) - 2))
    drawn = [
        "".join(rng.choice(CHARACTERS[2:], int(rng.integers(10, 90)), p=odds / odds.sum())) for _ in range(60)
    ]
    # Characters that are in no vocabulary come up too.
    special = ["房间 Room 很大。ＨＯＴＥＬ！１２３", "hotels WiFi, rooms!", "de\u0301ja\u0300 vu 的 一"]
    return tuple(Sample(str(place), each) for place, each in enumerate([*special, *drawn]))


@cache
def sentences() -> tuple[Sample, ...]:
    """Words in small and capital letters, a long text, and words that no vocabulary holds."""
    rng = np.random.default_rng(9)
    drawn = [" ".join(rng.choice(WORDS[2:], int(rng.integers(3, 22)))) for _ in range(20)]
    special = ["Ｒｏｏｍ is Good", "The caf\u00e9 is bad, room", "Room hotel " * 30]
    return tuple(Sample(str(place), each) for place, each in enumerate([*special, *drawn]))


GOOD = {
    contract.name: (contract, samples)
    for contract, samples in (
        (PHOTO, pictures),
        (STRETCHED, pictures),
        (PAGE, pictures),
        (LINE, lines),
        (DIGIT, digits),
        (REVIEW, texts),
        (BERT, texts),
        (TICKET, sentences),
    )
}


def feeds_of(contract: Contract, samples: Sequence[Sample]) -> tuple[dict[str, Any] | None, ...]:
    """What a contract feeds for each sample."""
    setup = Setup(contract, None)
    case = Case(setup, tuple(samples), Reference("nothing"), Silent())
    look = Look(case, setup, ())
    return tuple(look.feed(setup, place) for place in range(len(samples)))


def case_of(
    good: Contract,
    edit: Callable[[Setup], Setup],
    samples: Sequence[Sample],
    *,
    known: bool = False,
    opaque: bool = False,
) -> Case:
    """A case whose deployed setup is an edited good one; with `known`, the right feeds are known."""
    setup = edit(Setup(good, None, opaque=opaque))
    feeds = feeds_of(good, samples) if known else None
    return Case(setup, tuple(samples), Reference("training side", feeds=feeds), Silent())


def share_right(case: Case, good: Contract, setup: Setup) -> float:
    """Share of the numbers fed by a setup that are right; 0 for those in another shape."""
    look = Look(case, case.setup, ())
    shares = []
    for place, right in enumerate(feeds_of(good, case.samples)):
        feed = look.feed(setup, place)
        for name, array in (right or {}).items():
            same = feed is not None and name in feed and feed[name].shape == array.shape
            shares.append(float(np.isclose(feed[name], array).mean()) if same and feed else 0.0)
    return float(np.mean(shares))


def undone(case: Case, good: Contract, proposals: Sequence[Intervention]) -> list[Intervention]:
    """The proposals that feed for every sample what the good contract feeds."""
    look = Look(case, case.setup, ())
    right = feeds_of(good, case.samples)
    return [
        each
        for each in proposals
        if all(alike(look.feed(each.setup, place), right[place]) for place in range(len(case.samples)))
    ]


def opaque(setup: Setup) -> Setup:
    """The same as a service that does everything itself."""
    return replace(setup, opaque=True)
