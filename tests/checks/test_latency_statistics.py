import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.checks._performance.latency_statistics import (
    compare_blocks,
    quantile,
    samples_needed,
    stalls,
    theil_sen,
    warm_from,
)
from seatrial.errors import UsageError


def ar1(rng, n, phi=0.995, sd=0.003, start=0.03):
    walk = np.empty(n)
    walk[0] = rng.normal(0, start)
    noise = rng.normal(0, sd, n)
    for i in range(1, n):
        walk[i] = phi * walk[i - 1] + noise[i]
    return walk


def run(rng, drift, ratio=1.0, n=100):
    """Lognormal body, 1 % tail, drift inside the run and between runs: a shared machine."""
    seconds = 0.01 * ratio * np.exp(rng.normal(0, 0.05, n) + ar1(rng, n) + drift)
    tail = rng.random(n) < 0.01
    seconds[tail] *= rng.uniform(2, 5, tail.sum())
    return seconds


def alarms(ratio, *, margin, trials=150, pairs=15, seed=7):
    rng = np.random.default_rng(seed)
    said = 0
    for _ in range(trials):
        drifts = rng.normal(0, 0.04, pairs)
        a = [run(rng, drift) for drift in drifts]
        b = [run(rng, drift + rng.normal(0, 0.005), ratio) for drift in drifts]
        said += compare_blocks(a, b, margin=margin).slower
    return said / trials


@pytest.mark.parametrize("margin", [0.0, 0.02])
def test_equal_models_are_called_slower_at_most_seven_times_in_a_hundred(margin):
    assert alarms(1.0, margin=margin) <= 0.07


def test_ten_percent_slower_is_seen_nine_times_in_ten():
    assert alarms(1.10, margin=0.02, trials=60) >= 0.9


def test_the_interval_covers_the_true_ratio():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        drifts = rng.normal(0, 0.04, 15)
        a = [run(rng, drift) for drift in drifts]
        b = [run(rng, drift, 1.05) for drift in drifts]
        result = compare_blocks(a, b)
        covered += result.low <= 1.05 <= result.high
    assert covered >= 82  # nominal 90


@given(st.floats(0.5, 2.0), st.integers(5, 20))
@settings(max_examples=30, deadline=None)
def test_an_exact_ratio_is_found_exactly(ratio, pairs):
    rng = np.random.default_rng(pairs)
    a = [rng.uniform(1, 2, 9) for _ in range(pairs)]
    result = compare_blocks(a, [ratio * each for each in a])
    assert math.isclose(result.ratio, ratio, rel_tol=1e-9)
    assert result.low <= result.ratio * (1 + 1e-12)
    assert result.high >= result.ratio * (1 - 1e-12)


def test_swapping_the_sides_inverts_the_ratio():
    rng = np.random.default_rng(0)
    a, b = ([run(rng, 0) for _ in range(9)] for _ in range(2))
    one, other = compare_blocks(a, b), compare_blocks(b, a)
    assert math.isclose(one.ratio * other.ratio, 1, rel_tol=1e-9)
    assert math.isclose(one.low * other.high, 1, rel_tol=1e-9)


@pytest.mark.parametrize(("a", "b"), [(4, 4), (6, 5)])
def test_blocks_that_cannot_be_compared_are_refused(a, b):
    with pytest.raises(UsageError, match="blocks"):
        compare_blocks([[1.0]] * a, [[1.0]] * b)


def test_the_interval_of_a_quantile_covers_it():
    rng = np.random.default_rng(1)
    truth = math.exp(1.2815515655446004)  # P90 of a standard lognormal
    covered = sum(
        q.low <= truth <= q.high for q in (quantile(rng.lognormal(size=300), 0.9) for _ in range(300))
    )
    assert covered >= 0.93 * 300


def test_p99_of_few_samples_has_no_upper_bound():
    assert quantile(np.arange(100.0), 0.99).high == math.inf
    assert math.isfinite(quantile(np.arange(1000.0), 0.99).high)


@pytest.mark.parametrize(("q", "needed"), [(0.9, 44), (0.99, 459), (0.999, 4603)])
def test_samples_needed_for_an_upper_bound(q, needed):
    assert samples_needed(q) == needed


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.0)])
def test_a_quantile_of_nothing_is_refused(values, q):
    with pytest.raises(UsageError):
        quantile(values, q)


def test_the_slope_ignores_outliers():
    x = np.arange(50.0)
    y = 3 * x
    y[[5, 20, 40]] = 1e6
    assert math.isclose(theil_sen(x, y).value, 3, rel_tol=0.05)


def test_a_flat_series_has_no_slope():
    assert theil_sen(range(9), [5.0] * 9).value == 0


def test_a_slope_of_four_points_is_refused():
    with pytest.raises(UsageError):
        theil_sen(range(4), range(4))


def test_warm_up_is_cut_off():
    series = np.r_[np.linspace(1.0, 0.1, 30), np.full(170, 0.1)]
    assert 20 <= warm_from(series) <= 40
    assert warm_from(np.full(200, 0.1)) == 0
    assert warm_from([1.0] * 5) == 0


def test_stalls_are_found_and_jitter_is_not():
    series = np.full(1000, 0.005)
    series[::200] = 0.3
    assert list(stalls(series)) == [0, 200, 400, 600, 800]
    assert not len(stalls(np.full(1000, 0.0001) * np.random.default_rng(0).uniform(1, 50, 1000)))
