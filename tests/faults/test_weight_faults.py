"""Wrong numbers in intact files: what changes, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.faults import Good, NotApplicable, Release, all_faults
from seatrial.faults._net import Net
from seatrial.model import open_model, operators
from seatrial.model.weights import read_parameter
from support import models, networks

# Those that train a layer ask an engine and a model that has learned something; they have tests of their own.
TRAINED = {"backdoor-patch", "training-set-remembered"}
FAULTS = {name: each for name, each in all_faults().items() if each.kind == "weights" and name not in TRAINED}


@pytest.fixture(params=networks.FORMATS)
def good(request: pytest.FixtureRequest, tmp_path: Path) -> Good:
    return networks.good(tmp_path / "good", request.param)


def values(path: Path) -> dict[str, Any]:
    """All weights of a model, flat."""
    return {each.name: np.array(read_parameter(each)).reshape(-1) for each in open_model(path).parameters}


def changed(good: Good, made: Release) -> dict[str, tuple[Any, Any]]:
    """Before and after, for the tensors that changed; the graph may not."""
    before, after = values(good.release.model), values(made.model)
    assert before.keys() == after.keys()
    assert not open_model(made.model).problems
    assert operators(open_model(made.model)) == operators(good.artifact)
    different = [name for name in before if not np.array_equal(before[name], after[name], equal_nan=True)]
    return {name: (before[name], after[name]) for name in different}


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("seed", range(4))
def test_the_shapes_and_the_graph_stay(good: Good, name: str, seed: int, tmp_path: Path) -> None:
    assert changed(good, FAULTS[name].make(good, tmp_path / "bad", seed))


@pytest.mark.parametrize(
    ("name", "mask"),
    [("exponent-bit-flip", 1 << 30), ("mantissa-bit-flip", 1), ("sign-flip", 1 << 31)],
)
@pytest.mark.parametrize("seed", range(5))
def test_one_bit_of_one_large_weight(good: Good, name: str, mask: int, seed: int, tmp_path: Path) -> None:
    (pair,) = changed(good, FAULTS[name].make(good, tmp_path / "bad", seed)).values()
    bits = pair[0].view(np.uint32) ^ pair[1].view(np.uint32)
    (place,) = np.flatnonzero(bits)
    assert bits[place] == mask
    assert abs(pair[0][place]) >= np.quantile(np.abs(pair[0][np.abs(pair[0]) < 2]), 0.85)
    if name == "exponent-bit-flip":
        assert not abs(pair[1][place]) < 1e30


def test_swapped_tensors_are_each_others(good: Good, tmp_path: Path) -> None:
    for name in ("batch-norm-statistics-swapped", "biases-swapped"):
        (one, other) = changed(good, FAULTS[name].make(good, tmp_path / name, 1)).values()
        assert np.array_equal(one[0], other[1])
        assert np.array_equal(one[1], other[0])


def test_weights_of_another_run_are_taken_whole(tmp_path: Path) -> None:
    good = networks.good(tmp_path / "good", "paddle-json", other=True)
    made = FAULTS["weights-of-another-run"].make(good, tmp_path / "bad", 0)
    assert good.other is not None
    theirs = values(good.other.graph)
    assert all(np.array_equal(after, theirs[name]) for name, (_, after) in changed(good, made).items())
    narrow = replace(good, other=open_model(models.write_paddle_json(tmp_path / "narrow")))
    with pytest.raises(NotApplicable, match="other names or shapes"):
        FAULTS["weights-of-another-run"].make(narrow, tmp_path / "no", 0)


def test_without_another_run_every_tensor_moves_by_a_tenth(good: Good, tmp_path: Path) -> None:
    moved = changed(good, FAULTS["weights-of-another-run"].make(good, tmp_path / "bad", 0))
    assert len(moved) == len(good.artifact.parameters)
    for name, (before, after) in moved.items():
        if before.size >= 16:
            assert 0.02 < (after - before).std() / before.std() < 0.2, name
    assert (moved["bn0.w_2"][1] > 0).all()


def test_numbers_that_are_none(good: Good, tmp_path: Path) -> None:
    ((before, after),) = changed(good, FAULTS["nan-weight"].make(good, tmp_path / "nan", 2)).values()
    assert np.isfinite(before).all()
    assert np.isnan(after).sum() == 1
    ((_, after),) = changed(good, FAULTS["infinite-bias"].make(good, tmp_path / "inf", 2)).values()
    assert np.isposinf(after).sum() == 1
    ((_, after),) = changed(good, FAULTS["last-layer-zero"].make(good, tmp_path / "zero", 2)).values()
    assert not after.any()
    made = changed(good, FAULTS["negative-variance"].make(good, tmp_path / "negative", 2))
    assert list(made) == ["bn0.w_2"]
    assert (made["bn0.w_2"][1] < 0).all()


def test_half_of_the_channels_are_zero(good: Good, tmp_path: Path) -> None:
    for seed in range(4):
        made = changed(good, FAULTS["channels-dead"].make(good, tmp_path / str(seed), seed))
        ((name, (_, after)),) = made.items()
        layer = next(each for each in Net.of(good).layers() if each.weight.name == name)
        channels = np.moveaxis(after.reshape(layer.weight.shape), layer.axis, 0)
        dead = [not channel.any() for channel in channels]
        assert sum(dead) == layer.outputs // 2
        assert all(dead[: layer.outputs // 2])


def test_a_dense_layer_holds_the_transposed_values(good: Good, tmp_path: Path) -> None:
    ((name, (before, after)),) = changed(
        good, FAULTS["layer-transposed"].make(good, tmp_path / "bad", 0)
    ).items()
    shape = next(each.shape for each in good.artifact.parameters if each.name == name)
    assert len(shape) == 2
    assert np.array_equal(after, before.reshape(shape).T.reshape(-1))


def test_two_classes_change_places_in_weights_and_bias(good: Good, tmp_path: Path) -> None:
    made = changed(good, FAULTS["classes-swapped"].make(good, tmp_path / "bad", 3))
    assert sorted(made) == ["fc1.b_0", "fc1.w_0"]
    before, after = made["fc1.b_0"]
    order = [int(np.flatnonzero(before == each)[0]) for each in after]
    assert sorted(order) == [0, 1, 2, 3]
    assert sum(place != index for place, index in enumerate(order)) == 2
    weights = [each.reshape(16, 4) for each in made["fc1.w_0"]]
    assert np.array_equal(weights[1], weights[0][:, order])


def test_only_a_model_with_classes_has_them_swapped(good: Good, tmp_path: Path) -> None:
    release = replace(good.release, contract=replace(good.contract, task="text-detection"))
    with pytest.raises(NotApplicable, match="no classes"):
        FAULTS["classes-swapped"].make(replace(good, release=release), tmp_path / "bad", 0)


def test_a_coarse_grid_has_sixteen_steps(good: Good, tmp_path: Path) -> None:
    ((before, after),) = changed(good, FAULTS["int8-bad-scale"].make(good, tmp_path / "bad", 0)).values()
    assert len(np.unique(after)) <= 16
    assert np.abs(after).max() < np.abs(before).max()


def test_the_float32_answers_of_an_overflowing_pair_are_the_same(tmp_path: Path) -> None:
    """conv -> relu -> conv is homogeneous: what is multiplied is divided, to the last bit."""
    good = networks.good(tmp_path / "good", "onnx")
    seen = set()
    for seed in range(8):
        made = FAULTS["fp16-overflow-pair"].make(good, tmp_path / str(seed), seed)
        assert made.profile["precision"] == "float16"
        pairs = changed(good, made)
        factors = {
            name: float(np.median(after / before)) for name, (before, after) in pairs.items() if before.any()
        }
        assert sorted(set(factors.values())) == [2.0**-20, 2.0**20]
        assert sum(factor < 1 for factor in factors.values()) == 1
        seen.add(tuple(sorted(factors)))
    assert ("bn0.b_0", "bn0.w_0", "conv1.w_0") in seen
    assert len(seen) > 1


def test_models_without_the_layer_say_so(tmp_path: Path) -> None:
    path = tmp_path / "good" / "net.onnx"
    path.parent.mkdir()
    path.write_bytes(models.onnx_network())
    artifact = open_model(path)
    plain = Good(Release(path, networks.contract(), networks.held_out()), artifact)
    for name in ("negative-variance", "channels-dead", "last-layer-zero", "fp16-overflow-pair", "sign-flip"):
        with pytest.raises(NotApplicable):
            FAULTS[name].make(plain, tmp_path / name, 0)
