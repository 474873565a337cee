"""A toy that learns well: which quadrant of an 8x8 picture is bright; the engine is a matrix product."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.contract import Contract, HeldOut, Pipeline, Sample, StepCall, TensorSpec
from support.fake_trial import FakePool, FakeSession, make_artifact, make_trial

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.checks._trial import Trial

IMAGE = TensorSpec("image", "float32", ("batch", 1, 8, 8), "NCHW", low=0.0, high=1.0)
SCORES = TensorSpec("probabilities", "float32", ("batch", 4), "NC")
NAMES = ("north-west", "north-east", "south-west", "south-east")


def weights() -> Any:
    """[64, 4]: the mean of each quadrant, sharpened."""
    quadrant = (np.arange(8)[:, None] // 4) * 2 + np.arange(8)[None] // 4
    return (quadrant.reshape(64, 1) == np.arange(4)).astype("float32")


def softmax(scores: Any) -> Any:
    power = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (power / power.sum(axis=1, keepdims=True)).astype("float32")


def engine(matrix: Any = None) -> Any:
    chosen = weights() if matrix is None else matrix
    return lambda feeds: [softmax(feeds["image"].reshape(len(feeds["image"]), 64) @ chosen)]


def gradients(matrix: Any = None) -> Any:
    """d probability[index] / d image of `engine`."""
    chosen = weights() if matrix is None else matrix

    def gradient(feeds: Any, *, of: str, output: int, index: Any) -> Any:
        assert (of, output) == ("image", 0)
        p = softmax(feeds["image"].reshape(len(feeds["image"]), 64) @ chosen)
        rows = np.arange(len(p))
        picked = p[rows, index][:, None]
        inner = chosen.T[index] - p @ chosen.T
        return (picked * inner).reshape(feeds["image"].shape).astype("float32")

    return gradient


def pictures(count: int, *, seed: int = 0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = random.uniform(0.0, 0.3, (count, 1, 8, 8)).astype("float32")
    for image, label in zip(images, labels, strict=True):
        top, left = label // 2 * 4, label % 2 * 4
        image[0, top : top + 4, left : left + 4] += 0.6
    return images, labels


def contract(**changes: Any) -> Contract:
    base = Contract(
        name="quadrants",
        task="classification",
        inputs=(IMAGE,),
        outputs=(SCORES,),
        postprocess=Pipeline((StepCall("topk", {"k": 1}),)),
        labels=NAMES,
    )
    return replace(base, **changes)


def held_out(images: Any, labels: Any, *, members: Any = (), slices: Any = None) -> HeldOut:
    samples = tuple(
        Sample(f"row-{row}", image, int(label), {} if slices is None else slices[row])
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    )
    digest = f"sha256:{hash((len(samples), tuple(int(each) for each in labels))):x}"
    trained = tuple(Sample(f"member-{row}", image, 0) for row, image in enumerate(members))
    return HeldOut(samples, digest, "memory", trained)


def trial(
    scratch: Path,
    *,
    count: int = 200,
    matrix: Any = None,
    run: Any = None,
    with_gradients: bool = False,
    **rest: Any,
) -> Trial:
    """A trial of the toy; `run` replaces its engine, `matrix` its weights."""
    rest.setdefault("contract", contract())
    inputs = rest["contract"].inputs
    artifact = make_artifact(scratch / "model", {"w": weights()}, inputs=inputs, outputs=(SCORES,))
    images, labels = pictures(count)
    rest.setdefault("held_out", held_out(images, labels))
    function = run or engine(matrix)
    if with_gradients:

        def session(model: Any, options: Any) -> FakeSession:
            return FakeSession(function, model, runtime="fake", options=options, gradient=gradients(matrix))

        session.makes_session = True  # type: ignore[attr-defined]
        rest["pool"] = FakePool(artifact, {"fake": session})
    return make_trial(scratch / "scratch", artifact, function, **rest)
