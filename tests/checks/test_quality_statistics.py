from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import _statistics as stats
from seatrial.errors import UsageError

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_wilson_is_the_textbook_interval():
    found = stats.wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_clopper_pearson_is_the_textbook_interval():
    found = stats.clopper_pearson(0, 100)
    assert (found.low, found.high) == pytest.approx((0.0, 0.0362), abs=1e-4)


@given(counts)
def test_intervals_hold_their_estimate_and_the_exact_one_is_wider_at_the_ends(pair):
    hits, n = pair
    for found in (stats.wilson(hits, n), stats.clopper_pearson(hits, n)):
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_an_impossible_share_is_refused():
    with pytest.raises(UsageError):
        stats.wilson(4, 3)
    with pytest.raises(UsageError):
        stats.clopper_pearson(0, 0)


def test_mcnemar_knows_only_the_changed_samples():
    assert stats.mcnemar(0, 0) == 1.0
    assert stats.mcnemar(10, 0) == pytest.approx(2 / 1024)
    assert stats.mcnemar(3, 9) == stats.mcnemar(9, 3)


def test_tango_without_changes_still_knows_that_few_samples_prove_little():
    assert stats.tango_lower(0, 0, 3) < -0.4
    assert stats.tango_lower(0, 0, 450) == pytest.approx(-0.006, abs=5e-4)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(60, 400))
def test_tango_lies_below_the_change(lost, won, n):
    assert stats.tango_lower(lost, won, n) <= (won - lost) / n + 1e-9


@given(st.integers(0, 20), st.integers(1, 20), st.integers(60, 400))
def test_tango_falls_with_each_loss(lost, won, n):
    assert stats.tango_lower(lost + 1, won, n) < stats.tango_lower(lost, won, n) + 1e-9


def test_tango_keeps_its_promise_in_simulation():
    random = np.random.default_rng(1)
    misses = 0
    for _ in range(400):
        lost, won = random.multinomial(150, [0.04, 0.02, 0.94])[:2]
        misses += stats.tango_lower(int(lost), int(won), 150) > -0.02
    assert misses / 400 < 0.09


def test_bootstrap_covers_the_mean_and_is_the_same_for_one_seed():
    values = np.random.default_rng(0).normal(3, 1, 200)
    one = stats.bootstrap(200, lambda rows: float(values[rows].mean()), seed=5)
    assert one == stats.bootstrap(200, lambda rows: float(values[rows].mean()), seed=5)
    assert one.low < 3 < one.high
    assert 0.1 < one.half_width < 0.2


def test_bootstrap_of_nothing_is_refused():
    with pytest.raises(UsageError):
        stats.bootstrap(0, float, seed=0)  # type: ignore[arg-type]


def test_paired_change_tells_kept_lost_and_unproved_apart():
    old = np.ones(600)
    same, worse = old.copy(), old.copy()
    worse[:20] = 0
    assert stats.paired_change(same, old, seed=0).judge(0.01) == "kept"
    assert stats.paired_change(worse, old, seed=0).judge(0.01) == "lost"
    assert stats.paired_change(same[:20], old[:20], seed=0).judge(0.01) == "unproved"


def test_paired_change_of_graded_scores_takes_the_bootstrap():
    random = np.random.default_rng(0)
    old = random.uniform(0.7, 0.9, 300)
    assert stats.paired_change(old - 0.05, old, seed=0).judge(0.01) == "lost"
    assert stats.paired_change(old + random.normal(0, 0.001, 300), old, seed=0).judge(0.01) == "kept"


def test_scores_that_are_not_paired_are_refused():
    with pytest.raises(UsageError):
        stats.paired_change([1, 0], [1], seed=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_makes_a_p_value_smaller_nor_changes_the_order(p_values):
    adjusted = stats.holm(p_values)
    assert all(after >= before for after, before in zip(adjusted, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_is_the_textbook_correction():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_the_needed_number_of_samples_is_enough():
    n = stats.needed_for_width(0.9, 0.05)
    assert stats.wilson(round(0.9 * n), n).half_width <= 0.05
    margin = stats.needed_for_margin(0.01)
    assert stats.tango_lower(0, 0, margin) >= -0.01
    assert stats.tango_lower(0, 0, margin - 10) < -0.01
