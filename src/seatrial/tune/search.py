"""The race: short blocks of every point in turn, longer ones of those that may still win (M27).

Successive halving (Jamieson and Talwalkar 2016) with one change: what leaves is not the slower half but
whatever is worse than the leader with confidence, by the paired blocks of the performance check. Block k of
every point runs in round k, so that what else the machine does falls on all of them.

A point may push others out only when its answers were judged and found good: else a fast model that answers
wrongly would clear the field and leave nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seatrial.checks import FEWEST_PAIRS, paired_ratio, samples_needed
from seatrial.errors import SeatrialError, UsageError
from seatrial.tune._record import Block, Record, common
from seatrial.tune.goal import Goal
from seatrial.tune.space import Point, Refused

# What may be better by no more than this is as good: by rung, since waiting costs more and more.
NEAR = (0.02, 0.02, 0.02, 0.03, 0.04, 0.05)
_CONFIDENCE = 0.98  # of both ends together; many points are compared
_PAIRS = 2 * FEWEST_PAIRS  # before two points are called as good
_SLICE = 0.008  # seconds of one block in the first rung; they double
_RUNS = (4, 16)  # of one block in the first rung; the most doubles
_CALLS = 200  # a call must fit this often into the budget: one that does not would eat it alone
_CONFIRMED = 60  # runs behind the winner; where its P99 counts, as many as bound it from both sides
_MEMORY = 1.02  # resident sets differ by so much from start to start

Measure = Callable[[Point, int], Block]
Judge = Callable[[Point], str]


@dataclass(frozen=True)
class Outcome:
    """How the race ended.

    Attributes:
        records: Every point that ran.
        refused: Points that did not, with reasons.
        winner: The best point that holds the goal and whose answers are good; None: there is none.
        nearest: Where nobody holds the goal: who comes nearest.
        seconds: Spent.
        finished: Whether everything was told apart; else the budget ended it.
    """

    records: tuple[Record, ...]
    refused: tuple[Refused, ...]
    winner: Record | None
    nearest: Record | None
    seconds: float
    finished: bool


@dataclass
class Race:
    """Finds the point that serves a goal best.

    Attributes:
        points: To choose from; those of one setup together, the smaller batches first.
        goal: What is wanted.
        measure: Times a point so many times.
        judge: Says what is wrong with a point's answers; empty: nothing.
        clock: Seconds, growing.
        budget: Seconds.
        seed: Of the order within rounds.
        progress: Told what is being done.
    """

    points: Sequence[Point]
    goal: Goal
    measure: Measure
    judge: Judge
    clock: Callable[[], float]
    budget: float
    seed: int = 7
    progress: Callable[[str], None] = lambda _: None
    _records: dict[Any, Record] = field(default_factory=dict, init=False)
    _refused: list[Refused] = field(default_factory=list, init=False)
    _judged: dict[Any, str] = field(default_factory=dict, init=False)
    _began: float = field(default=0.0, init=False)
    _round: int = field(default=0, init=False)
    _near: float = field(default=NEAR[0], init=False)

    def run(self) -> Outcome:
        """Races until one is left, all left are as good, or the budget is spent.

        Raises:
            UsageError: There is nothing to measure, or the budget is too small to compare anything.
        """
        self._began = self.clock()
        rng = np.random.default_rng(self.seed)
        self._warm_up()
        finished = False
        for rung, self._near in enumerate(NEAR):
            for _ in range(FEWEST_PAIRS):
                if rung and self._spent() >= self.budget:
                    break
                self._one_round(rung, rng)
                if rung:
                    self._settle()
            self._settle()
            self._tell(rung)
            finished = self._finished()
            if finished or self._spent() >= self.budget:
                break
        return self._outcome(finished=finished)

    def _spent(self) -> float:
        return self.clock() - self._began

    def _live(self) -> list[Record]:
        return [each for each in self._records.values() if each.live]

    def _warm_up(self) -> None:
        """Each point once untimed and twice timed: what does not run is known, and what a block takes."""
        slow: dict[Any, float] = {}
        left_out = 0.0
        for place, point in enumerate(self.points):
            if place and self._spent() > self.budget:
                raise _too_small(self.budget, 6 * self._spent() / place * len(self.points))
            if point.setup.key in slow:
                # So many rows more, so much longer: of no smaller batch was it measured.
                first = slow[point.setup.key] = 2 * slow[point.setup.key]
            else:
                first = self._first(point)
            if first > self.budget / _CALLS and point.batch > 1:
                slow[point.setup.key] = first
                left_out += 8 * _RUNS[0] * first
                why = f"a call takes about {first:.2g} s, too long to be compared within {self.budget:g} s"
                self._refused.append(Refused(str(point), why))
            elif first:
                self._records[point.key] = Record(point, first=first)
        if not self._records:
            why = f": {self._refused[0].what}: {self._refused[0].why}" if self._refused else ""
            raise UsageError(f"nothing could be measured{why}", hint="see: seatrial doctor")
        blocks = sum(_runs(each, 0) * each.first for each in self._records.values())
        needed = self._spent() + FEWEST_PAIRS * blocks
        if needed > self.budget:
            raise _too_small(self.budget, needed + left_out)

    def _first(self, point: Point) -> float:
        """Seconds of a run of a point that was run before; 0 when it does not run, which is noted."""
        try:
            self.measure(point, 1)
            return float(np.min(self.measure(point, 2).seconds))
        except SeatrialError as error:
            self._refused.append(Refused(str(point), error.message))
            return 0.0

    def _one_round(self, rung: int, rng: np.random.Generator) -> None:
        live = self._live()
        for place in rng.permutation(len(live)):
            record = live[int(place)]
            try:
                record.blocks[self._round] = self.measure(record.point, _runs(record, rung))
            except SeatrialError as error:
                self._refused.append(Refused(str(record.point), error.message))
                del self._records[record.point.key]
                self._revive(record)
        self._round += 1

    def _settle(self) -> None:
        """Puts out whatever is worse than the leader with confidence, or surely misses the goal."""
        for each in self._live():
            if (bound := each.surely_misses(self.goal)) is not None:
                each.out, each.by = f"misses {bound}: {each.measured(bound.figure):.4g}", None
                self._revive(each)
        leader = self._leader()
        if leader is None or leader.missed(self.goal.bounds) > 1:
            return
        for each in self._live():
            if each is not leader:
                self._compare(each, leader)

    def _compare(self, each: Record, leader: Record) -> None:
        figure = self.goal.objective
        if figure == "memory":
            ratio = each.typical(figure) / max(leader.typical(figure), 1.0)
            if ratio > _MEMORY:
                each.out, each.by, each.worse = f"{ratio - 1:.0%} more memory", leader.point.key, True
            return
        rounds = common(each.blocks, leader.blocks)
        if len(rounds) < FEWEST_PAIRS:
            return
        costs = leader.cost(figure, rounds), each.cost(figure, rounds)
        found = paired_ratio(*costs, confidence=_CONFIDENCE)
        if found.low > 1:
            each.out, each.by, each.worse = f"{_times(found.value)} slower", leader.point.key, True
        elif len(rounds) >= _PAIRS and found.low > 1 - self._near and each.missed(self.goal.bounds) <= 1:
            each.out = f"no better than the best by more than {self._near:.0%}"
            each.by = leader.point.key

    def _leader(self) -> Record | None:
        """The best candidate by what is known, judged; one whose answers are bad makes way for the next."""
        while True:
            live = [each for each in self._live() if each.blocks]
            if not live:
                return None
            holding = [each for each in live if each.missed(self.goal.bounds) <= 1]
            if holding:
                leader = min(holding, key=lambda each: each.typical(self.goal.objective))
            else:
                leader = min(live, key=lambda each: each.missed(self.goal.bounds))
            why = self._answers(leader.point)
            if not why:
                return leader
            leader.out, leader.by = why, None
            self._revive(leader)

    def _answers(self, point: Point) -> str:
        if point.setup.key not in self._judged:
            self._judged[point.setup.key] = self.judge(point)
        return self._judged[point.setup.key]

    def _revive(self, gone: Record) -> None:
        """Whoever was pushed out by one that is gone is back in the race, and so on down the line."""
        for each in self._records.values():
            if each.by == gone.point.key:
                each.out, each.by, each.worse = "", None, False
                self._revive(each)

    def _finished(self) -> bool:
        live = self._live()
        if not live:
            return True
        wanted = samples_needed(0.99, confidence=0.975) if self._tail() else _CONFIRMED
        return len(live) == 1 and live[0].runs >= wanted

    def _tail(self) -> bool:
        return "p99" in {self.goal.objective, *(each.figure for each in self.goal.bounds)}

    def _tell(self, rung: int) -> None:
        live = self._live()
        leader = self._leader()
        best = f"; best: {leader.point}" if leader else ""
        left = f"{len(live)} of {len(self._records)} points left after {self._spent():.1f} s"
        self.progress(f"rung {rung + 1}: {left}{best}")

    def _outcome(self, *, finished: bool) -> Outcome:
        leader = self._leader()
        holds = leader is not None and leader.missed(self.goal.bounds) <= 1
        nearest = None if holds else leader or self._nearest()
        return Outcome(
            records=tuple(self._records.values()),
            refused=tuple(self._refused),
            winner=leader if holds else None,
            nearest=nearest,
            seconds=self._spent(),
            finished=finished,
        )

    def _nearest(self) -> Record | None:
        """Of those that answer well, who misses the goal by least."""
        for each in sorted(self._records.values(), key=lambda one: one.missed(self.goal.bounds)):
            if not self._answers(each.point):
                return each
        return None


def _runs(record: Record, rung: int) -> int:
    fewest, most = _RUNS
    return int(np.clip(round(_SLICE * 2**rung / max(record.first, 1e-9)), fewest, most * 2**rung))


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio >= 2 else f"{ratio - 1:.1%}"


def _too_small(budget: float, needed: float) -> UsageError:
    enough = max(1, math.ceil(2 * needed))
    return UsageError(
        f"a budget of {budget:g} s is too small to compare anything here",
        hint=f"give about {enough} s (--budget {enough}s), fewer variants, or a smaller --max-batch",
    )
