import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seatrial.checks._consistency.tolerance import (
    TOLERANCES,
    allowed_disagreements,
    calibrated,
    compare,
    disagreement_interval,
    merge,
    objections,
)

F32 = TOLERANCES["float32"]
FINITE = arrays("float32", (4, 5), elements=st.floats(-1e3, 1e3, width=32))


def probabilities(rows=50, classes=10, seed=0):
    raw = np.exp(3 * np.random.default_rng(seed).normal(size=(rows, classes)))
    return (raw / raw.sum(axis=1, keepdims=True)).astype("float32")


@given(FINITE)
def test_a_copy_is_identical(x):
    found = compare(x, x.copy())
    assert found.identical
    assert objections(found, F32) == []


@given(FINITE, st.floats(1e-3, 1e3))
@settings(max_examples=50)
def test_scale_relative_error_does_not_depend_on_the_unit(x, unit):
    noise = np.full_like(x, 1e-3)
    small, large = (
        compare(x, x + noise),
        compare(x.astype("float64") * unit, (x + noise).astype("float64") * unit),
    )
    assert math.isclose(small.scale_relative, large.scale_relative, rel_tol=1e-6, abs_tol=1e-12)


@given(FINITE, FINITE)
def test_the_error_is_symmetric_and_rms_is_below_max(x, y):
    one, other = compare(x, y), compare(y, x)
    assert one.max_abs == other.max_abs
    assert one.rms <= one.max_abs * (1 + 1e-12)


@given(st.integers(2, 9), FINITE)
def test_rms_does_not_grow_with_the_number_of_samples(times, x):
    y = x + np.float32(0.5)
    many = compare(np.tile(x, (times, 1)), np.tile(y, (times, 1)))
    assert math.isclose(compare(x, y).rms, many.rms, rel_tol=1e-9)


@given(st.integers(1, 3), FINITE)
def test_batches_merge_to_the_whole(split, x):
    y = x + np.linspace(0, 1, x.size, dtype="float32").reshape(x.shape)
    whole = compare(x, y)
    parts = merge([compare(x[:split], y[:split]), compare(x[split:], y[split:])])
    assert parts.rows == whole.rows
    assert parts.row_errors == whole.row_errors
    assert math.isclose(parts.rms, whole.rms, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("poison", "word"),
    [
        (lambda x: np.where(np.arange(x.size).reshape(x.shape) > 3, np.nan, x).astype("float32"), "NaN"),
        (lambda x: np.where(x == x.max(), np.inf, x).astype("float32"), "Inf"),
        (lambda x: x * np.float32(10), "max abs"),
        (lambda x: x[::-1], "max abs"),
        (lambda x: x[:, ::-1], "max abs"),
        (lambda x: x[:-1], "shape"),
        (lambda x: x.astype("float64"), "dtype"),
        (np.zeros_like, "max abs"),
    ],
)
def test_poisoned_copies_are_refused(poison, word):
    x = probabilities()
    assert word in objections(compare(x, poison(x)), F32)[0].en
    assert objections(compare(x, poison(x)), TOLERANCES["int8"])


def test_ten_times_the_truth_is_refused_even_for_large_values():
    x = np.random.default_rng(0).uniform(100, 1000, (20, 5)).astype("float32")
    assert objections(compare(x, x * 10), F32)


def test_nan_against_nan_is_equal_and_named_when_it_moves():
    x = probabilities()
    x[0, 0] = np.nan
    assert compare(x, x.copy()).identical
    y = x.copy()
    y[0, 0], y[1, 1] = 0.5, np.nan
    assert "NaN" in compare(x, y).structure.en


def test_swapped_ties_are_nobodys_fault_and_swapped_answers_are():
    x = np.full((3, 4), 0.1, "float32")
    x[:, 0], x[:, 1] = 0.4, 0.4 - 2e-6
    y = x.copy()
    y[:, [0, 1]] = y[:, [1, 0]]
    tie = compare(x, y)
    assert (tie.disagreements, tie.near_ties) == (0, 3)
    x[:, 1] = y[:, 0] = 0.35
    sure = compare(x, y)
    assert (sure.disagreements, sure.near_ties) == (3, 0)


def test_an_error_does_not_excuse_itself_as_a_tie():
    x = probabilities()
    y = x[:, ::-1].copy()
    assert compare(x, y).disagreements > 0.8 * len(x)


def test_probabilities_have_a_divergence_and_logits_have_none():
    x = probabilities()
    assert compare(x, x).kl_mean == 0
    assert compare(x * 7, x * 7).kl_mean is None


def test_calibration_widens_up_to_a_ceiling_and_never_narrows():
    assert calibrated("float32", 0.0) == F32
    assert math.isclose(calibrated("float32", 1e-5).scale_relative, 1e-4)
    assert calibrated("float32", 1.0).scale_relative == 1e-2
    assert calibrated("int8", 1.0).scale_relative == TOLERANCES["int8"].scale_relative


def test_no_calibration_excuses_the_smallest_seeded_fault():
    """A flipped sign of one weight moved the digits' probabilities by 2.7e-2 and changed no answer."""
    x = probabilities()
    y = x.copy()
    y[0, x[0].argmax()] -= 0.027 * x.max()
    assert objections(compare(x, y), calibrated("float32", 1.0))


def test_the_rule_of_three():
    low, high = disagreement_interval(0, 300)
    assert low == 0
    assert math.isclose(high, 3 / 300, rel_tol=0.01)
    assert disagreement_interval(300, 300)[1] == 1
    assert disagreement_interval(0, 0) == (0.0, 1.0)


def test_disagreements_that_chance_explains_are_allowed():
    assert allowed_disagreements(1000, 0.0) == 0
    assert 5 <= allowed_disagreements(1000, 0.005) <= 10


def test_integers_and_strings_are_compared_too():
    ids = np.array([[1, 2], [3, 4]], "int64")
    assert compare(ids, ids).identical
    assert compare(ids, ids + 1).max_abs == 1
    words = np.array(["a", "b"])
    assert "differ" in compare(words, words[::-1]).structure.en


def test_empty_outputs_are_equal_only_in_shape():
    assert compare(np.zeros((0, 3)), np.zeros((0, 3))).identical
    assert compare(np.zeros((0, 3)), np.zeros((0, 4))).structure
