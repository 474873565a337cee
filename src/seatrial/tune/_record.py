"""What was measured of one point: blocks of runs, by the round they ran in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.checks import Quantile, quantile
from seatrial.tune.goal import QUANTILES, Bound, Goal
from seatrial.tune.space import Point

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Runs of one point right behind each other.

    Attributes:
        seconds: Of each run.
        memory: Bytes resident in the engine's process after them; 0 when it cannot be told.
        unique: Of these, bytes that no other process shares.
    """

    seconds: Seconds
    memory: float = 0.0
    unique: float = 0.0

    @cached_property
    def middle(self) -> float:
        """The median run."""
        return float(np.median(self.seconds))

    @cached_property
    def mean(self) -> float:
        """The mean run: what throughput is made of."""
        return float(np.mean(self.seconds))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a point is worth.

    Attributes:
        p50: Milliseconds of a call, with its interval.
        p90: Likewise.
        p99: Likewise; its upper bound is infinite under 368 runs.
        throughput: Rows a second of one engine that is kept busy: of the middle block, so that a stall of the
            machine counts in one block and not in all.
        memory: MB resident.
        unique: MB that no other process shares.
        runs: That were measured.
    """

    p50: Quantile
    p90: Quantile
    p99: Quantile
    throughput: float
    memory: float
    unique: float
    runs: int

    def value(self, figure: str) -> float:
        """One of `goal.FIGURES`."""
        found = getattr(self, figure)
        return float(found.value if isinstance(found, Quantile) else found)


@dataclass(eq=False)
class Record:
    """A point in the race.

    Attributes:
        point: Which.
        blocks: By round; round k of two points ran side by side.
        out: Why it is no candidate any more; empty while it is one.
        by: Key of the point that pushed it out, if one did.
        worse: Whether it is out because it is surely worse, and not just no better.
        first: Seconds of one run as the first ones took, for planning.
    """

    point: Point
    blocks: dict[int, Block] = field(default_factory=dict)
    out: str = ""
    by: tuple[Any, ...] | None = None
    worse: bool = False
    first: float = 0.0

    @property
    def live(self) -> bool:
        """Whether it is still a candidate."""
        return not self.out

    @property
    def runs(self) -> int:
        """That were measured."""
        return sum(len(each.seconds) for each in self.blocks.values())

    def seconds(self) -> Seconds:
        """Every run, in order."""
        found: Seconds = np.concatenate([self.blocks[each].seconds for each in sorted(self.blocks)])
        return found

    def figures(self) -> Figures:
        """What it is worth by everything that was measured."""
        every = self.seconds()
        p50, p90, p99 = (_milliseconds(quantile(every, q)) for q in (0.5, 0.9, 0.99))
        last = self.blocks[max(self.blocks)]
        rate = 1 / self.typical("throughput")
        return Figures(p50, p90, p99, rate, last.memory / 1e6, last.unique / 1e6, len(every))

    def cost(self, figure: str, rounds: Sequence[int]) -> Seconds:
        """What is to be small, one value a round: seconds of a call or of a row, or bytes."""
        blocks = [self.blocks[each] for each in rounds]
        if figure == "memory":
            return np.array([each.memory for each in blocks], "float64")
        if figure == "throughput":
            return np.array([each.mean / self.point.batch for each in blocks], "float64")
        if figure == "p50":
            return np.array([each.middle for each in blocks], "float64")
        return np.array([np.quantile(each.seconds, QUANTILES[figure]) for each in blocks], "float64")

    def typical(self, figure: str) -> float:
        """The middle of `cost` over all rounds."""
        return float(np.median(self.cost(figure, sorted(self.blocks))))

    def missed(self, bounds: Sequence[Bound]) -> float:
        """How far the worst of the bounds is missed by what was measured; at most 1: all hold."""
        return max((each.missed(self.measured(each.figure)) for each in bounds), default=0.0)

    def measured(self, figure: str) -> float:
        """A figure in the unit of the goal, by everything that was measured."""
        if figure == "memory":
            return self.blocks[max(self.blocks)].memory / 1e6
        if figure == "throughput":
            return 1 / max(self.typical("throughput"), 1e-12)
        return float(np.quantile(self.seconds(), QUANTILES[figure], method="inverted_cdf")) * 1e3

    def surely_misses(self, goal: Goal) -> Bound | None:
        """A bound that is missed with 95 % confidence, if there is one."""
        return next((each for each in goal.bounds if self._surely(each)), None)

    def _surely(self, bound: Bound) -> bool:
        if bound.missed(self.measured(bound.figure)) <= 1:
            return False
        if bound.figure == "memory":
            return True
        if bound.figure == "throughput":
            rows = quantile(self.cost("throughput", sorted(self.blocks)), 0.5, confidence=0.90)
            return bool(rows.low > 1 / bound.value)
        return bool(quantile(self.seconds(), QUANTILES[bound.figure]).low * 1e3 > bound.value)


def _milliseconds(found: Quantile) -> Quantile:
    return Quantile(found.q, found.value * 1e3, found.low * 1e3, found.high * 1e3, found.n)


def common(one: Mapping[int, Block], other: Mapping[int, Block]) -> list[int]:
    """Rounds in which both were measured."""
    return sorted(set(one) & set(other))
