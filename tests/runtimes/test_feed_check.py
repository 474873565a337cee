"""The quick look at feeds and the thorough check: what passes the one passes the other."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import TensorSpec
from seatrial.errors import ContractViolation
from seatrial.runtimes import Checked, FeedCheck, checked, shape_of
from support.served import artifact

DTYPES = ("float32", "float64", "float16", "int64", "uint8", "bool", "string")
DIMENSIONS = st.sampled_from(["batch", "time", None, 1, 2, 3])
SPECS = st.lists(
    st.builds(
        TensorSpec,
        st.sampled_from("abc"),
        st.sampled_from(DTYPES),
        st.lists(DIMENSIONS, max_size=3).map(tuple),
        low=st.sampled_from([None, None, 0.0, -1.0]),
        high=st.sampled_from([None, None, 2.0, float("inf")]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda spec: spec.name,
)
VALUES = st.sampled_from([0, 1, 1, 1, 2, -1, 3, float("nan"), float("inf"), float("-inf")])


def array_for(draw: Any, spec: TensorSpec) -> Any:
    shape = [each if isinstance(each, int) else draw(st.sampled_from([2, 2, 2, 0, 1])) for each in spec.shape]
    if draw(st.integers(0, 9)) == 0:
        shape.append(1)
    dtype = draw(st.sampled_from(DTYPES)) if draw(st.integers(0, 9)) == 0 else spec.dtype
    if dtype == "string":
        return np.full(shape, "word", object)
    array = np.ones(shape, dtype)
    value = draw(VALUES)
    if array.size and (array.dtype.kind == "f" or (np.isfinite(value) and value >= 0)):
        array.flat[-1] = value
    return array


@given(st.data())
def test_what_plainly_fits_passes_the_thorough_check(data: Any) -> None:
    specs = data.draw(SPECS)
    model = artifact(*specs)
    names = data.draw(st.permutations([each.name for each in specs]))
    feeds = {name: array_for(data.draw, next(s for s in specs if s.name == name)) for name in names}
    check = FeedCheck(model.inputs, model)
    try:
        wanted = checked(model, feeds)
    except ContractViolation as error:
        assert check.quick(feeds) is None
        with pytest.raises(ContractViolation, match=re.escape(error.message)):
            check(feeds)
        return
    found = check(feeds)
    assert list(found) == list(wanted) == [each.name for each in specs]
    assert all(found[name] is feeds[name] for name in found)
    assert found.shape == shape_of(wanted)
    free = [found[each.name].shape[0] for each in specs if each.batch_is_free]
    assert found.rows == (free[0] if free else 1)


@given(st.integers(1, 9), st.floats(-1, 1, width=32))
def test_good_feeds_are_seen_at_a_glance(rows: int, value: float) -> None:
    spec = TensorSpec("x", "float32", ("batch", 4), low=-1.0, high=1.0)
    check = FeedCheck([spec])
    found = check.quick({"x": np.full((rows, 4), value, np.float32)})
    assert found is not None
    assert found.rows == rows


def test_what_has_passed_is_not_looked_at_again() -> None:
    model = artifact()
    check = FeedCheck(model.inputs, model)
    passed = check({"x": np.ones((1, 1))})
    assert check(passed) is passed
    same = FeedCheck(tuple(replace(each) for each in model.inputs), model)
    assert same(passed) is passed
    other = artifact(replace(model.inputs[0], high=0.5))
    with pytest.raises(ContractViolation, match="largest allowed"):
        FeedCheck(other.inputs, other)(passed)


def test_a_check_without_a_model_only_looks() -> None:
    check = FeedCheck(artifact().inputs)
    assert check.quick({"x": np.array([[np.nan]])}) is None
    with pytest.raises(TypeError, match="only looks"):
        check({"x": np.array([[np.nan]])})


def test_big_endian_feeds_are_left_to_the_thorough_check() -> None:
    model = artifact()
    feeds = {"x": np.ones((1, 1), ">f8")}
    check = FeedCheck(model.inputs, model)
    assert check.quick(feeds) is None
    assert isinstance(check(feeds), Checked)
