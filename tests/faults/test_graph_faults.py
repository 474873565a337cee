"""Graphs that were edited: one operator or one input is another, the weights are as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.contract import HeldOut, Sample
from seatrial.errors import EngineFailure
from seatrial.faults import Good, NotApplicable, Release, all_faults
from seatrial.model import Operator, open_model, operators
from seatrial.runtimes import SessionOptions, open_session
from support import models, networks

FAULTS = {name: each for name, each in all_faults().items() if each.kind == "graph"}


@pytest.fixture(params=networks.FORMATS)
def good(request: pytest.FixtureRequest, tmp_path: Path) -> Good:
    return networks.good(tmp_path / "good", request.param)


def edited(good: Good, made: Release) -> list[tuple[Operator, Operator]]:
    """Operators before and after, where they are not the same."""
    pairs = zip(operators(good.artifact), operators(open_model(made.model)), strict=True)
    return [(one, other) for one, other in pairs if one != other]


def test_dropout_drops(good: Good, tmp_path: Path) -> None:
    if good.artifact.format == "onnx":
        with pytest.raises(NotApplicable, match="no dropout"):
            FAULTS["dropout-active"].make(good, tmp_path / "bad", 0)
        return
    ((_, after),) = edited(good, FAULTS["dropout-active"].make(good, tmp_path / "bad", 0))
    assert after.type == "dropout"
    assert after.attributes["is_test"] is False


def test_batch_normalization_trains(good: Good, tmp_path: Path) -> None:
    made = FAULTS["batch-norm-in-training"].make(good, tmp_path / "bad", 0)
    ((_, after),) = edited(good, made)
    if good.artifact.format == "onnx":
        assert after.attributes["training_mode"] == 1
    else:
        assert (after.attributes["is_test"], after.attributes["use_global_stats"]) == (False, False)
    assert (made.profile.get("engine") == {"onednn": False}) == (good.artifact.format == "paddle-json")


def test_an_old_opset_has_no_training_mode(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    names = ["s", "b", "m", "v"]
    path.write_bytes(
        models.onnx_model([models.onnx_node("BatchNormalization", ["x", *names], ["y"])], opset=12)
    )
    plain = Good(Release(path, networks.contract(), networks.held_out()), open_model(path))
    with pytest.raises(NotApplicable, match="opset 14"):
        FAULTS["batch-norm-in-training"].make(plain, tmp_path / "bad", 0)


def test_the_maximum_becomes_a_mean(good: Good, tmp_path: Path) -> None:
    ((_, after),) = edited(good, FAULTS["pooling-changed"].make(good, tmp_path / "bad", 0))
    assert after.type == "AveragePool" or after.attributes["pooling_type"] == "avg"


def test_padding_goes_or_moves_to_one_side(good: Good, tmp_path: Path) -> None:
    name = "pads" if good.artifact.format == "onnx" else "paddings"
    for seed in range(3):
        ((_, after),) = edited(good, FAULTS["padding-lost"].make(good, tmp_path / f"lost{seed}", seed))
        assert not any(after.attributes[name])
        made = FAULTS["padding-on-one-side"].make(good, tmp_path / f"moved{seed}", seed)
        ((_, after),) = edited(good, made)
        # ONNX: begins, then ends; Paddle: top, bottom, left, right.
        assert after.attributes[name] == ((0, 0, 2, 2) if name == "pads" else (0, 2, 0, 2))


def test_epsilon_and_activation(good: Good, tmp_path: Path) -> None:
    ((_, after),) = edited(good, FAULTS["epsilon-edited"].make(good, tmp_path / "epsilon", 0))
    assert after.attributes["epsilon"] == pytest.approx(0.1)
    ((before, after),) = edited(good, FAULTS["activation-changed"].make(good, tmp_path / "activation", 0))
    assert (before.type.lower(), after.type.lower()) == ("relu", "sigmoid")


def test_the_input_is_another(good: Good, tmp_path: Path) -> None:
    renamed = open_model(FAULTS["input-renamed"].make(good, tmp_path / "renamed", 0).model)
    assert [each.name for each in renamed.inputs] == ["image_renamed"]
    fixed = open_model(FAULTS["batch-fixed"].make(good, tmp_path / "fixed", 0).model)
    assert fixed.inputs[0].shape == (1, 1, 8, 8)
    once_more = Good(good.release, fixed)
    with pytest.raises(NotApplicable, match="fixed batch"):
        FAULTS["batch-fixed"].make(once_more, tmp_path / "again", 0)


def test_an_operator_nobody_knows(good: Good, tmp_path: Path) -> None:
    made = FAULTS["operator-unknown"].make(good, tmp_path / "bad", 0)
    assert "operator-unknown" in {each.code for each in open_model(made.model).problems}


def test_the_end_of_the_graph(good: Good, tmp_path: Path) -> None:
    made = FAULTS["logits-not-probabilities"].make(good, tmp_path / "logits", 0)
    ((_, after),) = edited(good, made)
    assert after.type == ("Identity" if good.artifact.format == "onnx" else "assign")
    assert "axis" not in after.attributes
    ((_, after),) = edited(good, FAULTS["softmax-axis"].make(good, tmp_path / "axis", 0))
    assert after.attributes["axis"] == 0


# What no float32 answer shows: names and shapes that Paddle does not ask for, and a ten-millionth.
UNSEEN = {"input-renamed", "batch-fixed", "mantissa-bit-flip", "fp16-overflow-pair"}


@pytest.mark.slow
def test_what_is_edited_reaches_the_engine(digits: Path, tmp_path: Path) -> None:
    """On the digits model: an engine refuses the broken release, or answers otherwise."""
    artifact = open_model(digits / "model")
    with np.load(digits / "held_out.npz") as arrays:
        images, labels = arrays["image"][:64].astype("float32"), arrays["label"][:64]
    samples = tuple(
        Sample(str(place), *pair) for place, pair in enumerate(zip(images, labels.tolist(), strict=True))
    )
    held_out = HeldOut(samples, "sha256:" + "0" * 64, "digits")
    contract = replace(networks.contract(), labels=tuple("0123456789"))
    good = Good(Release(artifact.graph, contract, held_out), artifact)
    reference = answers(good.release, images)
    assert reference is not None
    for name, fault in all_faults().items():
        if fault.kind not in ("graph", "weights") or "members" in fault.needs or name == "backdoor-patch":
            continue
        got = answers(fault.make(good, tmp_path / name, 0), images)
        same = got is not None and np.allclose(got, reference, rtol=0, atol=1e-6)
        assert same == (name in UNSEEN), name


def answers(release: Release, images: Any) -> Any:
    """What Paddle gives, or None where it refuses."""
    artifact = open_model(release.model)
    options = SessionOptions(timeout=60, engine=release.profile.get("engine", {}))
    try:
        with open_session(artifact, runtime="paddle", options=options, unverified=True) as session:
            return session.run({artifact.inputs[0].name: images})[0]
    except EngineFailure:
        return None
