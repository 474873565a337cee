"""A classifier one can see through: ten prototypes, nearest wins, no engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.contract import Contract, Pipeline, Sample, StepCall, TensorSpec
from support.fake_trial import PROFILE, make_artifact, make_held_out, make_trial

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.checks._finding import Finding
    from seatrial.checks._trial import Trial

CLASSES, SIDE = 10, 8
INPUTS = (TensorSpec("image", "float32", ("batch", 3, SIDE, SIDE), "NCHW"),)


class Toy:
    """Pictures `[n, 3, 8, 8]` around ten prototypes in [0, 1], and the softmax that tells them apart."""

    def __init__(self, seed: int = 0, count: int = 200, noise: float = 0.4) -> None:
        random = np.random.default_rng(seed)
        self.prototypes = random.random((CLASSES, 3 * SIDE * SIDE)).astype("float32")
        self.truth = np.arange(count) % CLASSES
        mixed = self.prototypes[self.truth] * (1 - noise) + random.random((count, 3 * SIDE * SIDE)) * noise
        self.images = mixed.astype("float32").reshape(count, 3, SIDE, SIDE)
        self.weight = ((self.prototypes.T - 0.5) * 0.5).astype("float32")
        self.bias = (-((self.prototypes - 0.5) ** 2).sum(1) * 0.25).astype("float32")

    def scores(self, images: Any) -> Any:
        """Logits, shape (n, 10)."""
        return (images.reshape(len(images), -1) - 0.5) @ self.weight + self.bias

    def run(self, feeds: Any) -> list[Any]:
        """Plays the engine."""
        scores = self.scores(feeds["image"])
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return [(powers / powers.sum(axis=1, keepdims=True)).astype("float32")]

    def trial(self, folder: Path, run: Any = None, **changes: Any) -> Trial:
        """A trial of this model; `contract_*` changes fields of the contract, the rest those of the trial."""
        tensors = changes.pop("tensors", {"linear_0.w_0": self.weight, "linear_0.b_0": self.bias})
        described = changes.pop("described", {})
        artifact = make_artifact(folder / "model", tensors, inputs=INPUTS, **described)
        contract = Contract(
            "toy",
            "classification",
            INPUTS,
            artifact.outputs,
            postprocess=Pipeline((StepCall("topk", {}),)),
            labels=tuple("0123456789"),
        )
        said = {
            key.removeprefix("contract_"): changes.pop(key)
            for key in list(changes)
            if key.startswith("contract_")
        }
        given, members = changes.pop("held_out", None), changes.pop("members", ())
        held_out = (
            given
            if given is not None
            else make_held_out(self.images, [int(each) for each in self.truth], members)
        )
        profile = changes.pop("profile", replace(PROFILE, runtime="fake"))
        return make_trial(
            folder / "scratch",
            artifact,
            run or self.run,
            contract=replace(contract, **said),
            held_out=held_out,
            profile=profile,
            **changes,
        )


def verdicts(findings: list[Finding]) -> dict[str, str]:
    """Verdict by the finding's id (the worst of those that share one)."""
    found: dict[str, str] = {}
    for each in findings:
        if found.get(each.id, "PASS") == "PASS":
            found[each.id] = str(each.verdict)
    return found


def bad(findings: list[Finding]) -> set[str]:
    """Ids of the findings that are no PASS."""
    return {each.id for each in findings if each.verdict != "PASS"}


def samples(images: Any, labels: Any) -> tuple[Sample, ...]:
    """One sample a row."""
    return tuple(
        Sample(f"member-{row}", image, int(label))
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    )
