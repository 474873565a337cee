"""Statistics of latency: intervals without a distribution, the block as the unit, robust slopes.

Requests inside one run are correlated, so tests on single requests raise 20-40 % false alarms
(`benchmarks/latency_rules.py` prints the table). The unit here is the block, and blocks of the two sides
are interleaved and paired (Kalibera & Jones 2013, "Rigorous Benchmarking in Reasonable Time").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import UsageError

Seconds = NDArray[np.float64]

# Fewest pairs with which the one-sided Wilcoxon test can reach p < 0.05 at all (2**-5 = 0.031).
FEWEST_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Quantile:
    """One quantile of a sample with its distribution-free confidence interval.

    Attributes:
        q: Which one, such as 0.99.
        value: The estimate.
        low: Lower bound.
        high: Upper bound; infinite when the sample is too small to have one.
        n: Size of the sample.
    """

    q: float
    value: float
    low: float
    high: float
    n: int


def quantile(values: Any, q: float, *, confidence: float = 0.95) -> Quantile:
    """A quantile with the binomial interval of its order statistics.

    Args:
        values: One-dimensional sample, any unit.
        q: Between 0 and 1, exclusive.
        confidence: Of the two-sided interval.

    Raises:
        UsageError: The sample is empty or `q` is out of range.
    """
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype="float64"))
    n = len(ordered)
    if not n or not 0 < q < 1:
        raise UsageError(f"a quantile needs a sample and 0 < q < 1; got {n} values and q = {q}")
    tail = (1 - confidence) / 2
    # P(X_(k) <= quantile) = P(Bin(n, q) >= k): k below the `tail` point of the binomial, and above 1 - tail.
    below = int(binom.ppf(tail, n, q))
    above = int(binom.ppf(1 - tail, n, q)) + 1
    low = float(ordered[below - 1]) if below >= 1 else float(-np.inf)
    high = float(ordered[above - 1]) if above <= n else float(np.inf)
    return Quantile(q, float(np.quantile(ordered, q, method="inverted_cdf")), low, high, n)


def samples_needed(q: float, *, confidence: float = 0.99) -> int:
    """Fewest samples whose largest bounds the q-quantile from above: 459 for P99 at 99 %."""
    return math.ceil(math.log(1 - confidence) / math.log(q))


@dataclass(frozen=True, slots=True)
class BlockComparison:
    """How much slower B is than A, from paired interleaved blocks.

    Attributes:
        ratio: Hodges-Lehmann estimate of B / A; 1.03 is 3 % slower.
        low: Lower bound of the ratio, two-sided 90 % (so one-sided 95 %).
        high: Upper bound, likewise.
        p_slower: One-sided Wilcoxon p of "B is slower than A by more than the margin".
        margin: The margin, such as 0.02.
        pairs: Blocks on each side.
    """

    ratio: float
    low: float
    high: float
    p_slower: float
    margin: float
    pairs: int

    @property
    def slower(self) -> bool:
        """Whether B is slower beyond the margin at the 5 % level."""
        return self.p_slower < 0.05

    @property
    def spread(self) -> float:
        """The largest distance from "equal" inside the interval: what an A/A run cannot resolve."""
        return max(abs(self.high - 1), abs(self.low - 1))


@dataclass(frozen=True, slots=True)
class PairedRatio:
    """B against A: the Hodges-Lehmann estimate of B / A with its interval.

    Attributes:
        value: 2 means that B costs twice what A does.
        low: Lower bound.
        high: Upper bound.
        pairs: Blocks on each side.
    """

    value: float
    low: float
    high: float
    pairs: int


def compare_blocks(
    a_blocks: Sequence[Any], b_blocks: Sequence[Any], *, margin: float = 0.02
) -> BlockComparison:
    """Compares block medians pairwise: block k of B ran right beside block k of A.

    Args:
        a_blocks: Latencies of each block of A, seconds.
        b_blocks: Latencies of each block of B, equally many blocks.
        margin: Slowdown that is still accepted.

    Raises:
        UsageError: The blocks cannot be paired, or are too few for any verdict.
    """
    from scipy.stats import wilcoxon

    pairs = len(a_blocks)
    if pairs != len(b_blocks) or pairs < FEWEST_PAIRS:
        raise UsageError(
            f"{pairs} and {len(b_blocks)} blocks cannot be compared",
            hint=f"measure at least {FEWEST_PAIRS} blocks on each side, in turn",
        )
    logs = np.array(
        [np.log(np.median(b) / np.median(a)) for a, b in zip(a_blocks, b_blocks, strict=True)], "float64"
    )
    shifted = logs - math.log1p(margin)
    p_value = 1.0 if not np.any(shifted) else float(wilcoxon(shifted, alternative="greater").pvalue)
    estimate, low, high = _hodges_lehmann(logs, confidence=0.90)
    return BlockComparison(math.exp(estimate), math.exp(low), math.exp(high), p_value, margin, pairs)


def _hodges_lehmann(values: Seconds, *, confidence: float) -> tuple[float, float, float]:
    """Median of the Walsh averages, and the interval that inverts the Wilcoxon signed-rank test."""
    n = len(values)
    rows, columns = np.triu_indices(n)
    walsh = np.sort((values[rows] + values[columns]) / 2)
    count = len(walsh)
    z = _z(0.5 + confidence / 2)
    cut = int(count / 2 - z * math.sqrt(n * (n + 1) * (2 * n + 1) / 24))
    cut = max(0, min(cut, (count - 1) // 2))
    return float(np.median(walsh)), float(walsh[cut]), float(walsh[count - 1 - cut])


@cache
def _z(share: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(share))


def paired_ratio(a_costs: Any, b_costs: Any, *, confidence: float = 0.90) -> PairedRatio:
    """How many times B costs what A does, from blocks that ran side by side; as in `compare_blocks`.

    Args:
        a_costs: One positive figure a block of A.
        b_costs: Likewise of B, equally many.
        confidence: Of the two-sided interval; each of its ends holds with half the rest.

    Raises:
        UsageError: The blocks cannot be paired, or are too few for any verdict.
    """
    a, b = np.asarray(a_costs, "float64"), np.asarray(b_costs, "float64")
    if a.shape != b.shape or len(a) < FEWEST_PAIRS:
        raise UsageError(
            f"{len(a)} and {len(b)} blocks cannot be compared",
            hint=f"measure at least {FEWEST_PAIRS} blocks on each side, in turn",
        )
    estimate, low, high = _hodges_lehmann(np.log(b / a), confidence=confidence)
    return PairedRatio(math.exp(estimate), math.exp(low), math.exp(high), len(a))


@dataclass(frozen=True, slots=True)
class Slope:
    """A robust straight line through a series: change of y per unit of x, with its interval."""

    value: float
    low: float
    high: float
    n: int


def theil_sen(xs: Any, ys: Any, *, confidence: float = 0.95) -> Slope:
    """Median of the slopes between all pairs of points (Theil-Sen).

    Raises:
        UsageError: There are fewer than five points.
    """
    from scipy.stats import theilslopes

    x, y = np.asarray(xs, "float64"), np.asarray(ys, "float64")
    if len(x) != len(y) or len(x) < 5:
        raise UsageError(f"a slope needs five points or more; got {len(x)} and {len(y)}")
    if np.ptp(y) == 0:
        return Slope(0.0, 0.0, 0.0, len(x))
    value, _, low, high = theilslopes(y, x, confidence)
    return Slope(float(value), float(low), float(high), len(x))


def warm_from(values: Any, *, window: int = 10, tolerance: float = 0.10) -> int:
    """Index from which a latency series is warm: its rolling median stays near that of its second half.

    Args:
        values: Latencies in the order they were measured.
        window: Length of the rolling median.
        tolerance: How far above the second half's median a window may lie.
    """
    series = np.asarray(values, "float64")
    if len(series) < 2 * window:
        return 0
    settled = float(np.median(series[len(series) // 2 :])) * (1 + tolerance)
    for start in range(0, len(series) // 2, window):
        if float(np.median(series[start : start + window])) <= settled:
            return start
    return len(series) // 2


def stalls(values: Any, *, factor: float = 10.0, at_least: float = 0.05) -> NDArray[np.int64]:
    """Indices of runs that took far longer than usual.

    Args:
        values: Seconds, in order.
        factor: How many medians make a stall.
        at_least: Seconds above the median below which nothing is a stall: the scheduler of a busy
            machine takes tens of milliseconds now and then.
    """
    series = np.asarray(values, "float64")
    usual = float(np.median(series)) if len(series) else 0.0
    return np.flatnonzero(series > max(factor * usual, usual + at_least)).astype("int64")
