"""Statistics of quality: intervals, paired tests, corrections, and how many samples a claim needs (`M04`).

Everything takes counts or per-sample scores, so that the unit is always the sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import UsageError

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.high - self.low) / 2


def wilson(hits: int, n: int, *, confidence: float = 0.95) -> Interval:
    """A share with Wilson's score interval (Wilson 1927): right near 0 and 1, where good models lie.

    Raises:
        UsageError: `n` is 0, or `hits` is not between 0 and `n`.
    """
    _check_counts(hits, n)
    z = _z((1 + confidence) / 2)
    share, spread = hits / n, z * z / n
    center = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return Interval(share, min(max(center - half, 0.0), share), max(min(center + half, 1.0), share))


def clopper_pearson(hits: int, n: int, *, confidence: float = 0.95) -> Interval:
    """A share with the exact interval (Clopper and Pearson 1934); never shorter than it claims.

    Raises:
        UsageError: As `wilson`.
    """
    from scipy.stats import beta

    _check_counts(hits, n)
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return Interval(hits / n, low, high)


def better_than(hits: int, n: int, share: float) -> float:
    """p-value of `hits` in `n` or more if the true share were `share` (exact, one-sided)."""
    from scipy.stats import binom

    _check_counts(hits, n)
    return float(binom.sf(hits - 1, n, share))


def mcnemar(lost: int, won: int) -> float:
    """Exact two-sided p-value of McNemar's test.

    Args:
        lost: Samples only the old model answers rightly.
        won: Samples only the new model answers rightly.
    """
    from scipy.stats import binom

    discordant = lost + won
    if not discordant:
        return 1.0
    return min(1.0, 2 * float(binom.cdf(min(lost, won), discordant, 0.5)))


def tango_lower(lost: int, won: int, n: int, *, confidence: float = 0.95) -> float:
    """One-sided lower bound of `(won - lost) / n`, the change of a paired share (Tango 1998).

    Unlike the bootstrap it is honest when no sample changed: three equal answers prove little.

    Raises:
        UsageError: The counts are impossible.
    """
    from scipy.optimize import brentq

    _check_counts(lost + won, n)
    z = _z(confidence)

    def excess(delta: float) -> float:
        # The restricted estimate of the share of lost samples solves 2n q^2 + b q + c = 0.
        b = -(lost + won) + (2 * n - won + lost) * delta
        c = -lost * delta * (1 - delta)
        q = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        return won - lost - n * delta - z * math.sqrt(max(variance, 1e-12))

    estimate = (won - lost) / n
    low = -1 + 1e-9
    return low if excess(low) <= 0 or estimate <= low else float(brentq(excess, low, estimate, xtol=1e-7))


def bootstrap(
    n: int,
    statistic: Callable[[NDArray[np.int64]], float],
    *,
    seed: int,
    rounds: int = 400,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap over samples of any statistic.

    Args:
        n: Samples.
        statistic: From places of samples (with repeats) to the figure; a resample without one gives NaN.
        seed: Of the resampling.
        rounds: Resamples.
        confidence: Of the two-sided interval.

    Raises:
        UsageError: There is nothing to resample.
    """
    if n < 1:
        raise UsageError("there are no samples to judge")
    random = np.random.default_rng(seed)
    value = float(statistic(np.arange(n)))
    drawn = np.array([statistic(random.integers(0, n, n)) for _ in range(rounds)], "float64")
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, min(float(low), value), max(float(high), value))


@dataclass(frozen=True, slots=True)
class PairedChange:
    """How a model changed against another on the same samples.

    Attributes:
        change: New minus old, mean over samples.
        low: One-sided 95 % lower bound of it.
        high: One-sided 95 % upper bound of it.
        p_worse: p-value of "not worse" (two-sided McNemar for right and wrong, bootstrap otherwise).
        lost: Samples on which the new one is worse.
        won: Samples on which it is better.
        n: Samples.
    """

    change: float
    low: float
    high: float
    p_worse: float
    lost: int
    won: int
    n: int

    def judge(self, margin: float) -> str:
        """`kept` (proved not worse by `margin`), `lost` (proved worse), or `unproved`."""
        if self.low >= -margin:
            return "kept"
        return "lost" if self.change < 0 and self.p_worse < 0.05 else "unproved"


def paired_change(new: Any, old: Any, *, seed: int, rounds: int = 2000) -> PairedChange:
    """Compares per-sample scores in [0, 1] of two models on the same samples (`M04`).

    Scores of 0 and 1 take exact tests; others the paired bootstrap.

    Raises:
        UsageError: The scores are not paired.
    """
    after, before = np.asarray(new, "float64"), np.asarray(old, "float64")
    if after.shape != before.shape or after.ndim != 1 or not len(after):
        raise UsageError(f"{after.shape} and {before.shape} scores cannot be paired")
    difference = after - before
    lost, won, n = int((difference < 0).sum()), int((difference > 0).sum()), len(difference)
    if set(np.unique([after, before])) <= {0.0, 1.0}:
        low, high = tango_lower(lost, won, n), -tango_lower(won, lost, n)
        return PairedChange(float(difference.mean()), low, high, mcnemar(lost, won), lost, won, n)
    random = np.random.default_rng(seed)
    means = np.array([difference[random.integers(0, n, n)].mean() for _ in range(rounds)])
    p_worse = min(1.0, 2 * (1 + int((means >= 0).sum())) / (rounds + 1))
    # No change at all on n samples: the bound of "an unseen change of size 1", as for shares.
    low, high = (float(each) for each in np.quantile(means, [0.05, 0.95]))
    if not lost + won:
        low = tango_lower(0, 0, n)
        high = -low
    return PairedChange(float(difference.mean()), low, high, p_worse, lost, won, n)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in the order given."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        running = max(running, (len(p_values) - rank) * float(p_values[place]))
        adjusted[int(place)] = min(1.0, running)
    return adjusted


def fewer_hits(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """p-value of a group with this few hits beside the rest (Fisher's exact test, one-sided)."""
    from scipy.stats import fisher_exact

    table = [[hits, n - hits], [other_hits, other_n - other_hits]]
    return float(fisher_exact(table, alternative="less")[1])


def needed_for_width(share: float, half_width: float) -> int:
    """Samples after which the 95 % interval of a share is at most `half_width` to each side."""
    low, high = 1, 1
    while wilson(round(share * high), high).half_width > half_width:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if wilson(round(share * middle), middle).half_width > half_width:
            low = middle + 1
        else:
            high = middle
    return low


def needed_for_margin(margin: float, *, discordant: float = 0.0) -> int:
    """Samples after which an unchanged model can be proved not worse by `margin`.

    Args:
        margin: What may be lost.
        discordant: Share of samples on which the two models differ, in both directions alike.
    """
    z = _z(0.95)
    return math.ceil(max(z * z * (1 - margin) / margin, z * z * discordant / margin**2))


def _z(quantile: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(quantile))


def _check_counts(hits: int, n: int) -> None:
    if n < 1 or not 0 <= hits <= n:
        raise UsageError(f"{hits} of {n} is no share")
