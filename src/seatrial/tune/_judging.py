"""Answers of the candidates against those of the model as given; what was judged once is not run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import SeatrialError
from seatrial.tune._score import Ruling, Score, Scorer
from seatrial.tune.result import Judgment
from seatrial.tune.space import Point, Setup

_SAME = 1e-3  # of the range of an output: what conversions may differ by, see `converters`


class Watch:
    """Counts the seconds of measuring; those of judging answers are none."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._away = clock, 0.0

    def now(self) -> float:
        """Seconds, growing while nothing is judged."""
        return self._clock() - self._away

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stands still."""
        began = self._clock()
        try:
            yield
        finally:
            self._away += self._clock() - began


class Judge:
    """Says how well a setup answers.

    Args:
        scorer: Of the held-out set.
        reference: The model as given, as it is served by default.
        max_drop: Of the mean score that may be lost.
        watch: Stands still meanwhile.
        progress: Told what is being done.

    Raises:
        SeatrialError: The model as given cannot be judged at all.
    """

    def __init__(
        self,
        scorer: Scorer,
        reference: Setup,
        *,
        max_drop: float,
        watch: Watch,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._scorer, self._max_drop, self._watch, self._progress = scorer, max_drop, watch, progress
        self._known: dict[Any, Judgment | str] = {}
        progress(f"answers of {reference}")
        self.reference = self._score(reference)

    def __call__(self, point: Point) -> str:
        """What is wrong with the answers of a point; empty: nothing."""
        found = self.judgment(point.setup)
        return found if isinstance(found, str) else found.refused

    def judgment(self, setup: Setup) -> Judgment | str:
        """How a setup answers, or why it cannot."""
        if setup.key not in self._known:
            self._progress(f"answers of {setup}")
            with self._watch.stopped():
                try:
                    self._known[setup.key] = self._judged(setup)
                except SeatrialError as error:
                    self._known[setup.key] = f"cannot be judged: {error.message}"
        return self._known[setup.key]

    def _score(self, setup: Setup) -> Score:
        return self._scorer.score(setup.variant.artifact, runtime=setup.runtime, options=setup.options)

    def _judged(self, setup: Setup) -> Judgment:
        score = self._score(setup)
        drop = self._scorer.drop(self.reference, score)
        same = same_outputs(self.reference, score)
        # With the same outputs there is nothing that more samples could bring to light.
        fine = same or drop.ruling(self._max_drop) is Ruling.ACCEPTED
        return Judgment(score, drop, same, "" if fine else drop.words(self._max_drop))


def same_outputs(one: Score, other: Score) -> bool:
    """Whether two models gave the same raw outputs up to rounding; no, where they were too large to keep."""
    if not one.outputs or len(one.outputs) != len(other.outputs):
        return False
    for mine, theirs in zip(one.outputs, other.outputs, strict=True):
        if mine is None or theirs is None:
            if mine is not theirs:
                return False
        elif len(mine) != len(theirs) or not all(map(_alike, mine, theirs)):
            return False
    return True


def _alike(mine: Array, theirs: Array) -> bool:
    if mine.shape != theirs.shape or mine.dtype.kind not in "fiu" or theirs.dtype.kind not in "fiu":
        return bool(np.array_equal(mine, theirs))
    a, b = mine.astype("float64"), theirs.astype("float64")
    scale = max(float(np.abs(a[np.isfinite(a)]).max(initial=0)), _SAME)
    return bool(np.allclose(a, b, rtol=0, atol=_SAME * scale, equal_nan=True))
