"""The judgement of a conversion: what it lets through, what it refuses, and where it points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import TensorSpec
from seatrial.converters._batches import batches, invented
from seatrial.converters._compare import compare, top1
from seatrial.errors import ContractViolation
from seatrial.model import Parameter
from support.artifacts import by_hand

RNG = np.random.default_rng(5)
GOOD = RNG.random((6, 5), "float32")


def judged(wanted, got, tolerance=1e-3):
    return compare("case", {}, [np.asarray(wanted)], [np.asarray(got)], tolerance=tolerance)


def test_equal_and_nearly_equal_outputs_pass():
    assert not judged(GOOD, GOOD).problem
    near = judged(GOOD, GOOD * (1 + 1e-6))
    assert not near.problem
    assert 0 < near.error < 1e-5
    assert near.top1 == 1
    assert "largest difference" in str(near)
    assert not judged(np.array([np.nan, np.inf]), np.array([np.nan, np.inf])).problem
    assert not judged(np.zeros((0, 3)), np.zeros((0, 3))).problem


def test_rounding_of_nearly_nothing_is_no_difference():
    tiny = np.full((2, 9), 1e-7, "float32")
    assert not judged(tiny, tiny * 2).problem
    assert judged(tiny, tiny * 2).faint
    assert not judged(GOOD, GOOD).faint


@pytest.mark.parametrize(
    ("wanted", "got", "words"),
    [
        (GOOD, GOOD[:, :4], "shape"),
        (GOOD, GOOD.astype("int64"), "int64 instead of float32"),
        (GOOD, GOOD + np.eye(6, 5, dtype="float32"), "elements differ"),
        (np.array([1.0, 2.0]), np.array([1.0, np.nan]), "NaN"),
        (np.array([1.0, np.inf]), np.array([1.0, 2.0]), "NaN or infinity"),
        (np.array([1, 2]), np.array([1, 3]), "1 of 2 integers"),
        (np.array([[0.5000, 0.5003]]), np.array([[0.5002, 0.5001]]), ""),
    ],
)
def test_what_differs_is_named(wanted, got, words):
    problem = judged(wanted, got).problem
    assert words in problem
    assert bool(words) == bool(problem)


def test_a_missing_output_is_named():
    assert "1 outputs instead of 2" in compare("case", {}, [GOOD, GOOD], [GOOD], tolerance=1).problem


def test_a_changed_class_is_named_even_within_tolerance():
    wanted = np.array([[1.0, 0.9, 0.0], [5.0, 0.0, 0.0]])
    got = np.array([[0.98, 0.93, 0.0], [5.0, 0.0, 0.0]])
    assert not judged(wanted, got, tolerance=0.01).problem
    swapped = np.array([[0.96, 0.97, 0.0], [5.0, 0.0, 0.0]])
    assert top1(wanted, swapped, error=0.01) == 0.5


@given(st.floats(1e-3, 1e6), st.floats(0.01, 0.5))
def test_the_judgement_does_not_depend_on_the_unit(scale, fault):
    wrong = GOOD.copy()
    wrong[2, 3] += fault
    assert judged(GOOD * scale, wrong * scale, tolerance=1e-3).problem
    assert not judged(GOOD * scale, GOOD * scale, tolerance=1e-3).problem


IMAGE = by_hand(
    Path("m"), "paddle-json", [TensorSpec("x", "float32", ("batch", 3, None, None), low=0, high=1)]
)
LENGTHS = by_hand(
    Path("m"),
    "paddle-json",
    [TensorSpec("ids", "int64", ("batch", None), low=0, high=19), TensorSpec("lengths", "int64", ("batch",))],
    operators={"rnn": 1},
)
FIXED = by_hand(Path("m"), "paddle-json", [TensorSpec("x", "float32", (1, 4))])


def made(artifact, samples=()):
    return {case: feeds for case, feeds, _ in batches(artifact, samples, seed=0)}


def test_images_come_in_several_sizes_and_batches():
    shapes = {each["x"].shape for each in made(IMAGE).values()}
    assert shapes >= {(1, 3, 64, 64), (3, 3, 64, 64), (4, 3, 32, 64), (4, 3, 64, 96)}
    assert all(each["x"].min() >= 0 and each["x"].max() <= 1 for each in made(IMAGE).values())


def test_lengths_vary_within_their_sequences():
    cases = made(LENGTHS)
    varied = [each["lengths"] for each in cases.values() if len(set(each["lengths"])) > 1]
    assert len(varied) >= 2
    steps = {each["ids"].shape[1] for each in cases.values()}
    assert len(steps) >= 2
    assert all(
        each["lengths"].min() >= 1 and each["lengths"].max() <= each["ids"].shape[1]
        for each in cases.values()
    )


def test_real_samples_come_first_and_are_all_used():
    samples = [{"x": np.full((1, 3, 32, 32), place / 10, "float32")} for place in range(5)]
    cases = list(batches(IMAGE, samples, seed=0))
    assert [real for _, _, real in cases][:2] == [True, True]
    assert cases[1][1]["x"].shape[0] == 5
    assert any(case == "a batch of 3" and feeds["x"].shape[0] == 3 for case, feeds, _ in cases)


def test_large_samples_travel_in_small_batches():
    samples = [{"x": np.full((1, 3, 256, 256), place / 10, "float32")} for place in range(5)]
    rows = [len(feeds["x"]) for _, feeds, real in batches(IMAGE, samples, seed=0) if real]
    assert rows == [1, 2, 2, 1]


def test_a_fixed_batch_is_left_alone():
    assert {each["x"].shape for each in made(FIXED).values()} == {(1, 4)}


def test_ids_are_made_up_below_the_smallest_table():
    table = Parameter("w", "float32", (7, 4), None, 0, 0)
    artifact = by_hand(Path("m"), "onnx", [TensorSpec("ids", "int64", (None, 500))], parameters=[table])
    ids = invented(artifact, np.random.default_rng(0))["ids"]
    assert ids.min() == 0
    assert ids.max() == 6


def test_text_cannot_be_made_up():
    artifact = by_hand(Path("m"), "onnx", [TensorSpec("words", "string", (None, 1))])
    with pytest.raises(ContractViolation, match="words"):
        invented(artifact, np.random.default_rng(0))
