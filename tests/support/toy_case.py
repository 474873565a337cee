"""A small case for diagnosis without an engine: pictures, a contract, and a model that is one matrix."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.contract import Contract, Pipeline, Sample, StepCall, TensorSpec
from seatrial.diagnosis import Case, Reference, Runner, Setup
from seatrial.errors import EngineFailure, UsageError

CLASSES = ("apple", "boat", "cloud", "drum")


def contract() -> Contract:
    """Color pictures of 8 x 8 in, four probabilities out."""
    return Contract(
        name="toy",
        task="classification",
        inputs=(TensorSpec("x", "float32", ("batch", 3, 8, 8), layout="NCHW"),),
        outputs=(TensorSpec("p", "float32", ("batch", 4), layout="NC"),),
        preprocess=Pipeline(
            (
                StepCall("decode_image", {"color": "RGB"}),
                StepCall("normalize", {"scale": 1 / 255, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25]}),
                StepCall("transpose", {"order": [2, 0, 1]}),
            )
        ),
        postprocess=Pipeline((StepCall("softmax", {}), StepCall("topk", {"k": 2}))),
        labels=CLASSES,
    )


def pictures(count: int, *, seed: int = 3) -> tuple[Sample, ...]:
    """PNG pictures with a colored blot each."""
    rng = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        pixels = rng.integers(0, 256, (8, 8, 3)).astype("uint8")
        pixels[2:6, 2:6] = rng.integers(0, 256, 3)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        samples.append(Sample(key=f"{index:03d}", payload=buffer.getvalue()))
    return tuple(samples)


class Matrix(Runner):
    """Logits are a fixed random matrix times the input; counts what it is asked."""

    def __init__(self, *, seed: int = 5, fails: bool = False) -> None:
        self.matrix = np.random.default_rng(seed).normal(0, 0.15, (3 * 8 * 8, 4))
        self.fails, self.asked = fails, 0

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """One batch."""
        if self.fails:
            raise EngineFailure("it died", kind="signal")
        self.asked += 1
        x = feeds["x"]
        return [(x.reshape(len(x), -1) @ self.matrix).astype("float32")]

    def answer(self, setup: Setup, payload: Any) -> Any:
        """Nothing here is opaque."""
        raise UsageError("not a service")


def toy_case(
    edit: Callable[[Setup], Setup] = lambda setup: setup,
    *,
    knows: Sequence[str] = ("outputs", "answers"),
    count: int = 64,
    runner: Matrix | None = None,
    scratch: Path | None = None,
) -> Case:
    """A case whose deployed setup is the good one, edited.

    Args:
        edit: Breaks the setup.
        knows: What the reference knows: `feeds`, `outputs`, `answers`, or `labels` alone.
        count: Samples.
        runner: The model.
        scratch: Folder for copies.
    """
    runner = runner or Matrix()
    good, samples = Setup(contract(), None), pictures(count)
    seen = Case(good, samples, Reference("nothing"), Matrix()).observed
    if "labels" in knows:
        names = tuple(each["class"] for each in seen.answers)
        samples = tuple(
            Sample(key=s.key, payload=s.payload, label=name) for s, name in zip(samples, names, strict=True)
        )
        reference = Reference("the labels", answers=names, labels_only=True)
    else:
        reference = Reference("training side", **{name: getattr(seen, name) for name in knows})
    extra = {"scratch": scratch} if scratch else {}
    return Case(edit(good), samples, reference, runner, **extra)
