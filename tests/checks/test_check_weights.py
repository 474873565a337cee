"""Weights: every fault of a tensor is named, and healthy tensors pass (F08, F11-F16, F18)."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import weights
from seatrial.checks._finding import Limit, Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._trial import Baseline
from seatrial.checks._weights.findings import judge_dead, judge_finite, judge_magnitude, judge_variance
from seatrial.checks._weights.identity import judge_previous, judge_untouched
from seatrial.checks._weights.tensor_facts import describe
from seatrial.model.artifact import Problem
from support.toy_model import Toy, bad

RANDOM = np.random.default_rng(0)


def tensors(**changes):
    good = {
        "batch_norm2d_0.b_0": RANDOM.normal(0, 0.1, 32),
        "batch_norm2d_0.w_0": RANDOM.normal(1, 0.1, 32),
        "batch_norm2d_0.w_1": RANDOM.normal(0, 0.5, 32),
        "batch_norm2d_0.w_2": RANDOM.uniform(0.1, 3, 32),
        "conv2d_0.b_0": np.zeros(32),
        "conv2d_0.w_0": RANDOM.normal(0, 0.1, (32, 3, 3, 3)),
        "linear_0.b_0": RANDOM.normal(0, 0.1, 10),
        "linear_0.w_0": RANDOM.normal(0, 0.1, (32, 10)),
    }
    return {name: np.asarray(value, "float32") for name, value in {**good, **changes}.items()}


FIXED = {**tensors(), "conv2d_0.b_0": RANDOM.normal(0, 1, 32).astype("float32")}
VARIANCE, DEAD = "weights.negative-variance", "weights.dead-channels"


def findings(tmp_path, **changes):
    options = {
        key: changes.pop(key)
        for key in list(changes)
        if key in ("baseline", "contract_vocabulary", "described")
    }
    renamed = {key.replace("__", "."): value for key, value in changes.items()}
    return weights.run(Toy().trial(tmp_path, tensors=tensors(**renamed), **options))


def facts(array, name="conv2d_0.w_0"):
    array = np.ascontiguousarray(array)
    return describe(name, str(array.dtype), array.shape, np.frombuffer(array.tobytes(), "uint8"))


def test_good_weights_pass(tmp_path):
    result = run_check(weights.CHECK, Toy().trial(tmp_path, tensors=tensors()))
    assert result.verdict is Verdict.PASS
    assert result.control.rejected
    assert result.examined > 8


def with_one(value, name="conv2d_0.w_0"):
    array = tensors()[name].copy()
    array.flat[7] = value
    return array


def flipped(bit):
    array = tensors()["conv2d_0.w_0"].copy()
    number = struct.unpack("<I", struct.pack("<f", array.flat[7]))[0] ^ (1 << bit)
    array.flat[7] = struct.unpack("<f", struct.pack("<I", number))[0]
    return array


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"conv2d_0__w_0": with_one(np.nan)}, "weights.finite"),
        ({"linear_0__b_0": np.full(10, np.inf)}, "weights.finite"),
        ({"linear_0__w_0": np.zeros((32, 10))}, "weights.zero"),
        ({"linear_0__w_0": np.full((32, 10), 0.5)}, "weights.constant"),
        ({"batch_norm2d_0__w_2": -RANDOM.uniform(0.1, 3, 32)}, VARIANCE),
        ({"batch_norm2d_0__w_1": np.ones(32), "batch_norm2d_0__w_2": FIXED["batch_norm2d_0.w_1"]}, VARIANCE),
        ({"conv2d_0__w_0": flipped(30)}, "weights.magnitude"),
        ({"conv2d_0__w_0": FIXED["conv2d_0.w_0"] * (np.arange(32) >= 16)[:, None, None, None]}, DEAD),
        ({"linear_0__w_0": FIXED["linear_0.w_0"] * (np.arange(10) >= 5)}, DEAD),
    ],
)  # fmt: skip
def test_a_sick_tensor_fails_where_it_should(tmp_path, change, expected):
    found = findings(tmp_path, **change)
    assert bad(found) == {expected}
    assert next(each for each in found if each.id == expected).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"conv2d_0__w_0": RANDOM.normal(0, 1e6, (32, 3, 3, 3))}, "weights.magnitude"),
        (
            {"linear_1__w_0": FIXED["linear_0.w_0"], "linear_0__w_0": FIXED["linear_0.w_0"]},
            "weights.duplicates",
        ),
        ({"batch_norm2d_0__w_1": np.zeros(32), "batch_norm2d_0__w_2": np.ones(32)}, "weights.untouched"),
        (
            {"conv2d_0__w_0": np.full((32, 3, 3, 3), 1e-40) * RANDOM.random((32, 3, 3, 3))},
            "weights.denormals",
        ),
    ],
)
def test_a_suspicious_tensor_is_a_warning(tmp_path, change, expected):
    change = {name: np.asarray(value) for name, value in change.items()}
    if expected == "weights.magnitude":  # peers to be compared with
        change |= {f"linear_{place}__w_0": RANDOM.normal(0, 0.1, (32, 10)) for place in range(2, 5)}
    found = findings(tmp_path, **change)
    assert expected in bad(found)
    assert next(each for each in found if each.id == expected).verdict is Verdict.WARN


def test_numbers_beyond_float16_fail_where_float16_is_declared():
    large = facts(RANDOM.normal(0, 0.1, (8, 8)).astype("float32") * 1e6)
    assert judge_magnitude([large], "float16").verdict is Verdict.FAIL
    assert judge_magnitude([large], "float32").verdict is Verdict.PASS


def test_a_few_dead_channels_are_normal():
    array = RANDOM.normal(0, 1, (100, 3, 3, 3)).astype("float32")
    array[:3] = 0
    assert judge_dead([facts(array)], Limit(0.25, "test")).verdict is Verdict.PASS


def test_problems_of_the_reader_become_findings(tmp_path):
    problem = Problem(
        "parameter-left-over", "conv2d_9.w_0 is in no graph", "x.pdiparams", "two exports mixed", "weights"
    )
    found = findings(tmp_path, described={"problems": (problem,)})
    assert bad(found) == {"weights.parameter-left-over"}


def test_a_file_too_short_for_its_tensors_fails(tmp_path):
    trial = Toy().trial(tmp_path, tensors=tensors())
    file = trial.artifact.weights
    file.write_bytes(file.read_bytes()[:-1])
    found = weights.run(trial)
    assert bad(found) == {"weights.missing"}
    assert found[0].where == "linear_0.w_0"


@pytest.mark.parametrize(("rows", "expected"), [(100, Verdict.PASS), (99, Verdict.FAIL), (101, Verdict.WARN)])
def test_embedding_rows_against_the_vocabulary(tmp_path, rows, expected):
    words = tuple(f"word{place}" for place in range(100))
    found = findings(tmp_path, embedding_0__w_0=RANDOM.normal(0, 1, (rows, 8)), contract_vocabulary=words)
    assert next(each for each in found if each.id == "weights.vocabulary").verdict is expected


def baseline_of(figures, digest="sha256:0"):
    return Baseline(
        "v1", digest, "", "", "", "", {"weights": figures}, "ann", "first", datetime(2026, 1, 1, tzinfo=UTC)
    )


def test_the_record_lets_the_next_release_be_compared_by_tensor(tmp_path):
    kept = baseline_of(
        weights.record(findings(tmp_path / "a", **{k.replace(".", "__"): v for k, v in FIXED.items()}))
    )
    same = findings(tmp_path / "b", baseline=kept, **{k.replace(".", "__"): v for k, v in FIXED.items()})
    assert bad(same) == set()
    swapped = {
        **FIXED,
        "conv2d_0.b_0": FIXED["batch_norm2d_0.b_0"],
        "batch_norm2d_0.b_0": FIXED["conv2d_0.b_0"],
    }
    found = findings(tmp_path / "c", baseline=kept, **{k.replace(".", "__"): v for k, v in swapped.items()})
    assert next(each for each in found if each.id == "weights.previous").verdict is Verdict.FAIL
    low_bit = FIXED["conv2d_0.w_0"].copy()
    low_bit.flat[0] = np.nextafter(low_bit.flat[0], np.float32(9))
    found = findings(
        tmp_path / "d",
        baseline=kept,
        **{k.replace(".", "__"): v for k, v in {**FIXED, "conv2d_0.w_0": low_bit}.items()},
    )
    assert next(each for each in found if each.id == "weights.previous").verdict is Verdict.WARN


def test_a_retrained_release_is_no_alarm():
    assert judge_previous({"a": "1", "b": "2"}, {"a": "3", "b": "4"}, "v1").verdict is Verdict.PASS


@given(st.lists(st.floats(width=32), min_size=2, max_size=60))
def test_figures_agree_with_numpy(values):
    array = np.array(values, "float32")
    found = facts(array, "x")
    finite = array[np.isfinite(array)]
    assert found.nonfinite == len(array) - len(finite)
    assert found.zeros == int((finite == 0).sum())
    if len(finite):
        assert found.low == finite.min()
        assert found.high == finite.max()
        assert found.largest == np.abs(finite).max()


@given(st.integers(0, 31), st.integers(0, 255))
def test_no_float_slips_past_when_a_top_exponent_bit_flips(channel, place):
    array = RANDOM.normal(0, 0.1, (32, 256)).astype("float32")
    array[channel, place] = 0.05
    bits = array.view("uint32")
    bits[channel, place] ^= 1 << 30
    assert judge_magnitude([facts(array)], "float32").verdict is Verdict.FAIL


def test_bfloat16_is_read():
    halves = (np.array([1.5, -2.0, np.nan], "float32").view("uint32") >> 16).astype("uint16")
    found = describe("x", "bfloat16", (3,), np.frombuffer(halves.tobytes(), "uint8"))
    assert (found.low, found.high, found.nonfinite) == (-2.0, 1.5, 1)
    assert judge_finite([found]).verdict is Verdict.FAIL


def test_integers_and_empty_tensors_are_read():
    assert facts(np.zeros((2, 2), "int64")).all_zero
    assert not facts(np.ones((2, 2), "int8")).all_zero
    assert facts(np.zeros((0, 4), "float32")).count == 0


def test_variance_is_found_by_name(tmp_path):
    trial = Toy().trial(tmp_path, tensors=tensors())
    assert weights.statistics_of(trial.artifact) == [("batch_norm2d_0.w_1", "batch_norm2d_0.w_2")]
    negative = facts(-np.ones(4, "float32"), "bn_variance")
    assert judge_variance([negative], frozenset({"bn_variance"})).verdict is Verdict.FAIL


def test_without_normalisation_layers_nothing_is_said_to_be_in_order():
    plain = facts(np.ones(4, "float32"), "linear_0.w_0")
    assert judge_variance([plain], frozenset()).verdict is Verdict.SKIP
    assert judge_untouched({"linear_0.w_0": plain}, []).verdict is Verdict.SKIP


def test_a_model_without_weights_passes_unless_its_graph_is_broken(tmp_path):
    trial = Toy().trial(tmp_path, tensors={})
    empty = replace(trial, artifact=replace(trial.artifact, parameters=()))
    assert run_check(weights.CHECK, empty).verdict is Verdict.PASS
    cut = replace(empty.artifact, problems=(Problem("graph-truncated", "cut", "x.json", ""),))
    assert run_check(weights.CHECK, replace(empty, artifact=cut)).verdict is Verdict.SKIP


def test_a_stand_in_for_infinity_is_no_damage() -> None:
    """Converters write the largest float where a maximum starts or a mask lies; a flipped bit is not that."""
    largest = np.finfo("float32").max
    for array in (np.array([-largest], "float32"), np.full((4, 4), largest, "float32")):
        assert judge_magnitude([facts(array)], "float32").verdict is Verdict.PASS
    assert judge_magnitude([facts(np.array([1e30], "float32"))], "float32").verdict is Verdict.WARN
    damaged = np.ones((4, 4), "float32")
    damaged[1, 2] = 1e30
    assert judge_magnitude([facts(damaged)], "float32").verdict is Verdict.FAIL
