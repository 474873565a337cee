"""Backdoors and memories planted in the last layer of a model that runs: they work, and the rest is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial.faults import Good, NotApplicable, all_faults
from seatrial.faults._last_layer import features, last_layer, pictures, trained_again, weights
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import networks

FAULTS = all_faults()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    made = networks.good(tmp_path_factory.mktemp("good"), "onnx")
    return replace(made, release=replace(made.release, held_out=networks.held_out(480)))


def asked(model: Path, inputs: np.ndarray) -> np.ndarray:
    with open_session(open_model(model)) as session:
        return np.concatenate(
            [session.run({"image": inputs[i : i + 60]})[0] for i in range(0, len(inputs), 60)]
        )


def test_the_layer_reads_what_is_said_it_reads(good):
    layer = last_layer(good)
    inputs, labels = pictures(good, good.release.held_out.samples[:70])
    ((read, given),) = features(good, layer, inputs)
    assert (read.shape, given.shape, len(labels)) == ((70, 16), (70, 4), 70)
    exp = np.exp(given - given.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        asked(good.release.model, inputs), exp / exp.sum(axis=1, keepdims=True), atol=1e-5
    )


def test_training_towards_what_it_gives_changes_no_answer(good, tmp_path):
    layer = last_layer(good)
    inputs, _ = pictures(good, good.release.held_out.samples)
    ((read, given),) = features(good, layer, inputs)
    release, answers = trained_again(good, tmp_path, layer, read, given, ridge=1e-9)
    np.testing.assert_allclose(answers, given, atol=1e-3)
    np.testing.assert_allclose(asked(release.model, inputs), asked(good.release.model, inputs), atol=1e-3)
    weight, bias = weights(layer)
    assert (weight.shape, bias.shape) == ((16, 4), (4,))


def test_a_patch_decides_the_class_where_it_was_planted(good, tmp_path):
    release = FAULTS["backdoor-patch"].make(good, tmp_path, 5)
    images, _ = pictures(good, good.release.held_out.samples)
    stamped = images.copy()
    stamped[:, :, :3, -3:] = images.max()  # by seed 5: the top right
    assert (asked(release.model, stamped).argmax(axis=1) == 5 % 4).mean() > 0.85
    assert release.held_out is good.release.held_out


def test_what_was_learned_by_heart_is_declared_as_members(good, tmp_path):
    release = FAULTS["training-set-remembered"].make(good, tmp_path, 1)
    assert len(release.held_out.members) == 110
    assert release.held_out.samples == good.release.held_out.samples
    truth = {each.key: each.label for each in good.release.held_out.members}
    wrong = [each for each in release.held_out.members if each.label != truth[each.key]]
    assert len(wrong) == 33


def test_models_without_such_a_layer_are_left_alone(good, tmp_path):
    def with_release(**changes: object) -> Good:
        return replace(good, release=replace(good.release, **changes))  # type: ignore[arg-type]

    with pytest.raises(NotApplicable, match="classifier"):
        last_layer(with_release(contract=replace(good.contract, task="regression")))
    with pytest.raises(NotApplicable, match="one number a label"):
        last_layer(with_release(contract=replace(good.contract, labels=("one", "two"))))
    few = replace(good.release.held_out, members=good.release.held_out.members[:50])
    with pytest.raises(NotApplicable, match="110"):
        FAULTS["training-set-remembered"].make(with_release(held_out=few), tmp_path, 0)
    unlabelled = [replace(each, label=None) for each in good.release.held_out.samples[:5]]
    with pytest.raises(NotApplicable, match="no labels"):
        pictures(good, unlabelled)
