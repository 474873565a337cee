"""How well a model answers, and what it lost against another: the same samples, a paired test (M21, M27).

Quantizing, pruning and tuning ask one question of every candidate: is its accuracy still what it was? The
score goes through the contract's pre- and postprocessing and a worker, as production does, and is judged by
the metrics of the accuracy check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.checks import (
    Failure,
    Interval,
    PairedChange,
    Predictions,
    evaluate,
    needed_for_margin,
    paired_change,
    pass_over,
)
from seatrial.contract import Contract, HeldOut
from seatrial.errors import UsageError
from seatrial.model import Artifact
from seatrial.runtimes import Exercise, Pool, SessionOptions, available_runtimes

MAX_DROP = 0.01  # absolute, of the mean score
_FEWEST = 30  # samples under which nothing is claimed
_KEPT_BYTES = 256 << 20  # of raw outputs kept beside the scores


class Ruling(Enum):
    """What the samples say about a candidate: within the allowed drop, outside it, or too few to say."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNPROVED = "unproved"


@dataclass(frozen=True)
class Score:
    """How well one model answered on one runtime.

    Attributes:
        model: Digest of the artifact.
        runtime: Runtime that answered.
        task: As judged.
        primary: Name of the figure that decides, such as `accuracy`.
        value: That figure with its 95 % interval.
        metrics: Every figure with its interval.
        scores: One in [0, 1] for each judged sample; unanswered ones are 0.
        places: Place of each judged sample in the held-out set.
        failures: Samples without an answer, and why.
        exercise: What the runtime really did, or None when it answered nothing.
        outputs: Raw outputs for each sample, None where it failed; empty when they were too large to keep.
    """

    model: str
    runtime: str
    task: str
    primary: str
    value: Interval
    metrics: Mapping[str, Interval]
    scores: NDArray[np.float64]
    places: tuple[int, ...]
    failures: tuple[Failure, ...]
    exercise: Exercise | None
    outputs: tuple[tuple[NDArray[Any], ...] | None, ...] = ()

    @property
    def mean(self) -> float:
        """The mean score: what drops are measured of."""
        return float(self.scores.mean())

    def __str__(self) -> str:
        """One line for people."""
        found = self.value
        name = self.primary.replace("_", " ")
        return f"{name} {found.value:.4f} ({found.low:.4f} to {found.high:.4f}) on {len(self.scores)} samples"


@dataclass(frozen=True)
class Drop:
    """What a candidate lost against its source on the same samples; positive is a loss.

    Attributes:
        value: Mean score before minus mean score after.
        low: The loss is at least this, with 95 % confidence (one-sided; negative: it may have gained).
        high: The loss is at most this, with 95 % confidence (one-sided).
        lost: Samples on which the candidate is worse.
        won: Samples on which it is better.
        n: Samples.
    """

    value: float
    low: float
    high: float
    lost: int
    won: int
    n: int

    def ruling(self, max_drop: float = MAX_DROP) -> Ruling:
        """Accepted when the worst end of the interval is allowed, refused when not even the best one is."""
        if self.n >= _FEWEST and self.high <= max_drop:
            return Ruling.ACCEPTED
        return Ruling.REFUSED if self.low > max_drop else Ruling.UNPROVED

    def needed(self, max_drop: float = MAX_DROP) -> int:
        """Samples after which a candidate that loses nothing would be proved to, changing as many answers."""
        asked = needed_for_margin(max(max_drop, 1e-4), discordant=(self.lost + self.won) / self.n)
        return max(_FEWEST, asked)

    def words(self, max_drop: float = MAX_DROP) -> str:
        """One line for people: the figure, its interval, and what follows from it."""
        told = (
            f"drop {self.value:+.4f} (95 %: {self.low:+.4f} to {self.high:+.4f}), {self.lost} samples lost, "
            f"{self.won} won of {self.n}"
        )
        ruling = self.ruling(max_drop)
        if ruling is Ruling.ACCEPTED:
            return f"{told}: surely within {max_drop:.2%}"
        if ruling is Ruling.REFUSED:
            return f"{told}: surely more than {max_drop:.2%}"
        if self.value > max_drop:
            return f"{told}: the drop seen is more than {max_drop:.2%}"
        if self.n >= self.needed(max_drop):
            return f"{told}: too close to {max_drop:.2%} to be surely within"
        return (
            f"{told}: {self.n} samples cannot rule out more than {max_drop:.2%}, "
            f"about {self.needed(max_drop)} would"
        )


class Scorer:
    """Scores artifacts on one held-out set; what was scored once is not run again.

    Args:
        contract: Pre- and postprocessing, task, labels.
        held_out: Labelled samples that neither training nor calibration has seen.
        seed: Of the resampling.
    """

    def __init__(self, contract: Contract, held_out: HeldOut, *, seed: int = 7) -> None:
        if not len(held_out):
            raise UsageError("there are no samples to score with", hint="name a labelled set")
        self.contract, self.held_out, self.seed = contract, held_out, seed
        self._known: dict[str, Score] = {}

    def score(
        self, artifact: Artifact, *, runtime: str = "auto", options: SessionOptions | None = None
    ) -> Score:
        """How well a model answers the held-out set.

        Args:
            artifact: The model.
            runtime: Name of the runtime; `auto` for the first installed one that runs it.
            options: Of the session.

        Raises:
            UsageError: No runtime runs it, or no sample has a label that can be judged.
            EngineFailure: It cannot be loaded at all.
        """
        options = options or SessionOptions()
        chosen = available_runtime(artifact) if runtime == "auto" else runtime
        key = repr((artifact.digest, chosen, sorted(asdict(options).items())))
        if key not in self._known:
            with Pool(artifact, preferred=chosen) as pool:
                passed = pass_over(
                    pool, self.contract, self.held_out.samples, runtime=chosen, options=options
                )
            self._known[key] = self._judged(artifact, passed)
        return self._known[key]

    def drop(self, before: Score, after: Score) -> Drop:
        """What was lost from one score to another on the same samples.

        Raises:
            UsageError: They judge other samples.
        """
        return self.compared(before, after, seed=self.seed)

    @staticmethod
    def compared(before: Score, after: Score, *, seed: int) -> Drop:
        """As `drop`, of scores whose scorer is gone."""
        if before.places != after.places:
            raise UsageError("scores of other samples cannot be paired", hint="score both with one Scorer")
        return _drop(paired_change(after.scores, before.scores, seed=seed))

    def _judged(self, artifact: Artifact, passed: Predictions) -> Score:
        found = evaluate(passed, self.contract, seed=self.seed)
        if not len(found.scores):
            why = f": {found.bad_labels[0][1]}" if found.bad_labels else ""
            raise UsageError(
                f"none of the {len(passed)} samples has a label that can be judged{why}",
                hint="give a labelled held-out set; see the contract's task",
            )
        return Score(
            model=artifact.digest,
            runtime=passed.runtime,
            task=found.task,
            primary=found.primary,
            value=found.value,
            metrics=found.metrics,
            scores=found.scores,
            places=found.places,
            failures=passed.failures,
            exercise=passed.exercise,
            outputs=passed.outputs if passed.nbytes <= _KEPT_BYTES else (),
        )


def available_runtime(artifact: Artifact) -> str:
    """The first installed runtime that runs an artifact.

    Raises:
        UsageError: None does.
    """
    names = available_runtimes(artifact)
    if not names:
        raise UsageError(f"no installed runtime runs {artifact.format} models", hint="see: seatrial doctor")
    return names[0]


def _drop(change: PairedChange) -> Drop:
    # No negative zeros in print.
    value, low, high = (0.0 - each for each in (change.change, change.high, change.low))
    return Drop(value, low, high, change.lost, change.won, change.n)
