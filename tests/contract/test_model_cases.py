"""Test cases that travel with a model: what was written is what is read, and what is wrong is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seatrial.contract import Case, Cases, Tolerance, read_cases, write_cases
from seatrial.errors import ContractViolation

ARRAYS = st.sampled_from(["float32", "int64", "bool"]).flatmap(
    lambda dtype: arrays(dtype, st.tuples(st.just(1), st.integers(1, 3), st.integers(1, 3)))
)


@given(st.lists(ARRAYS, min_size=1, max_size=5))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("cases") / "test_cases"
    cases = Cases(
        tuple(Case({"x": each, "ids": np.ones((1, 2), "int64")}, {"y": each > 1}) for each in rows),
        Tolerance(atol=0.5),
    )
    write_cases(folder, cases)
    again = read_cases(folder)
    assert again.tolerance == cases.tolerance
    for index, (one, other) in enumerate(zip(cases.cases, again.cases, strict=True)):
        for name, array in one.feeds.items():
            np.testing.assert_array_equal(other.feeds[name], array)
        assert again.failure(index, one.expected) == ""


def test_texts_come_back_as_engines_take_them(tmp_path: Path) -> None:
    text = np.array([["was clean"]], dtype=object)
    write_cases(tmp_path, Cases((Case({"text": text}, {"text": text}),)))
    (case,) = read_cases(tmp_path).cases
    assert case.feeds["text"].dtype == object
    assert read_cases(tmp_path).failure(0, {"text": text}) == ""
    assert "is no at [0, 0], expected was clean" in read_cases(tmp_path).failure(
        0, {"text": np.array([["no"]], object)}
    )


def cases_for(expected: Any, **tolerance: Any) -> Cases:
    array = np.asarray(expected)
    return Cases((Case({"x": array}, {"y": array}),), Tolerance.model_validate(tolerance))


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], ""),
        ([[1.0, 2.0]], [[1.0, 2.0001]], ""),
        ([[1.0, 2.0]], [[1.0, 2.3]], "case 0: output 'y' differs by 0.3 at [0, 1]: 2.3, expected 2 "),
        ([[np.nan]], [[np.nan]], ""),
        ([[np.nan]], [[1.0]], "expected nan"),
        ([[1.0]], [[np.nan]], "differs by nan"),
        ([[np.inf]], [[np.inf]], ""),
        ([[np.inf]], [[1e30]], "expected inf"),
        ([[1.0]], [[np.inf]], "differs by inf"),
        ([[1.0]], [[1.0], [1.0]], "has the shape [2, 1], expected [1, 1]"),
        ([[3]], [[4]], "is 4 at [0, 0], expected 3"),
        ([[1.0]], [["a"]], "is of type"),
    ],
    ids=[
        "equal", "near", "far", "nan-is-nan", "nan-lost", "nan-came", "inf", "inf-lost", "inf-came", "shape",
        "whole", "text",
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_place_and_size(expected: Any, got: Any, words: str) -> None:
    told = cases_for(expected).failure(0, {"y": np.asarray(got)})
    assert words in told
    assert bool(told) == bool(words)


def test_an_output_that_is_not_there() -> None:
    assert "there is no output 'y', only z" in cases_for([[1.0]]).failure(0, {"z": np.ones((1, 1))})


def test_tolerances_of_outputs_and_runtimes() -> None:
    cases = cases_for(
        [[1.0]], atol=0.1, rtol=0, outputs={"y": {"atol": 0.3}}, runtimes={"openvino": {"rtol": 0.5}}
    )
    assert cases.tolerance.of("other") == (0.1, 0)
    assert cases.failure(0, {"y": np.array([[1.25]])}) == ""
    assert cases.failure(0, {"y": np.array([[1.5]])})
    assert cases.failure(0, {"y": np.array([[1.5]])}, "openvino") == ""


def test_cases_of_different_shapes_are_kept_apart(tmp_path: Path) -> None:
    rows = [np.ones((1, length), "int64") for length in (3, 5)]
    write_cases(tmp_path, Cases(tuple(Case({"ids": each}, {"y": each[:, :1]}) for each in rows)))
    with np.load(tmp_path / "inputs.npz") as kept:
        assert sorted(kept.files) == ["ids/0", "ids/1"]
    assert [each.feeds["ids"].shape for each in read_cases(tmp_path).cases] == [(1, 3), (1, 5)]


def test_damage_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContractViolation, match=r"inputs\.npz"):
        read_cases(tmp_path)
    one, two = np.ones((1, 2)), np.ones((2, 2))
    np.savez(tmp_path / "inputs.npz", x=two)
    np.savez(tmp_path / "expected_outputs.npz", y=one)
    with pytest.raises(ContractViolation, match="2 cases of inputs and 1 of outputs"):
        read_cases(tmp_path)
    np.savez(tmp_path / "expected_outputs.npz", y=two, z=one)
    with pytest.raises(ContractViolation, match="not every case has"):
        read_cases(tmp_path)
    np.savez(tmp_path / "expected_outputs.npz", y=np.array([[{"a": 1}]], dtype=object))
    with pytest.raises(ContractViolation, match=r"expected_outputs\.npz"):
        read_cases(tmp_path)  # objects would be unpickled
    np.savez(tmp_path / "expected_outputs.npz", y=two)
    (tmp_path / "tolerance.json").write_text(json.dumps({"atoll": 1}))
    with pytest.raises(ContractViolation, match=r"tolerance\.json"):
        read_cases(tmp_path)
    np.savez(tmp_path / "inputs.npz")
    with pytest.raises(ContractViolation, match="0 cases"):
        read_cases(tmp_path)
    np.savez(tmp_path / "inputs.npz", x=np.float32(1))
    with pytest.raises(ContractViolation, match="no rows"):
        read_cases(tmp_path)
    with pytest.raises(ContractViolation, match="same names"):
        write_cases(tmp_path, Cases((Case({"x": one}, {}), Case({"y": one}, {}))))
