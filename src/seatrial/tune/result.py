"""What a tuning found: the front with figures and scores, the recommendation, what was left out and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seatrial.checks import PairedRatio, Quantile
from seatrial.contract import Deployment
from seatrial.tune._record import Figures
from seatrial.tune._score import Drop, Score
from seatrial.tune.goal import Goal
from seatrial.tune.machine import Target
from seatrial.tune.space import Point, Refused

FORMAT = "seatrial/tuning/1"


@dataclass(frozen=True)
class Judgment:
    """How well a setup answers, beside the model as given.

    Attributes:
        score: On the held-out set.
        drop: What was lost on the same samples.
        same: Whether its raw outputs are those of the model as given, up to rounding.
        refused: Why its answers are not good enough; empty: they are.
    """

    score: Score
    drop: Drop
    same: bool
    refused: str = ""


@dataclass(frozen=True)
class Candidate:
    """A point that was measured in full: speed, memory and answers."""

    point: Point
    figures: Figures
    judgment: Judgment


@dataclass(frozen=True)
class Recommendation:
    """The point to deploy. There is none without a judgment: its accuracy was measured.

    Attributes:
        candidate: The point.
        gain: How many times the model as it is costs what this does (the goal's figure); None: it is that.
        as_it_is: Whether it is the model as given, on its own runtime, as it is served by default.
        sentence: Why, for people.
    """

    candidate: Candidate
    gain: PairedRatio | None
    as_it_is: bool
    sentence: str


@dataclass(frozen=True)
class Tuning:
    """The result.

    Attributes:
        goal: What was wanted.
        target: On what.
        machine: In words.
        model: Digest of the model as given.
        data: Digest of the held-out set.
        samples: That were judged.
        max_drop: That was allowed.
        front: Candidates that no other beats, by their latency.
        measured: Every point with its figures and why it left the race; empty: it stayed.
        refused: What was not tried or did not run, and why.
        recommendation: None: nobody holds the goal.
        nearest: Then, who comes nearest to it.
        seconds: Spent measuring.
        finished: Whether all was told apart within the budget.
    """

    goal: Goal
    target: Target
    machine: str
    model: str
    data: str
    samples: int
    max_drop: float
    front: tuple[Candidate, ...]
    measured: tuple[tuple[Point, Figures, str], ...]
    refused: tuple[Refused, ...]
    recommendation: Recommendation | None
    nearest: Candidate | None
    seconds: float
    finished: bool

    def deployment(self) -> Deployment | None:
        """The profile to write into the contract; None where nothing is recommended."""
        if self.recommendation is None:
            return None
        chosen = self.recommendation.candidate
        setup, figures, score = chosen.point.setup, chosen.figures, chosen.judgment.score
        return Deployment(
            runtime=setup.runtime,
            format=setup.variant.artifact.format,
            precision=setup.precision,
            threads=setup.threads,
            max_batch_size=chosen.point.batch,
            optimize=setup.optimize,
            engine=dict(setup.engine),
            model=setup.variant.artifact.digest,
            goal=str(self.goal),
            machine=self.machine,
            measured={
                "p50_ms": _digits(figures.p50.value),
                "p99_ms": _digits(figures.p99.value),
                "throughput": _digits(figures.throughput),
                "memory_mb": _digits(figures.memory),
                score.primary: _digits(score.value.value),
                "drop": _digits(chosen.judgment.drop.value),
                "samples": len(score.scores),
            },
        )


def document(found: Tuning) -> dict[str, Any]:
    """The result as plain data; no machine's paths and no clock in it."""
    best = found.recommendation
    return {
        "format": FORMAT,
        "goal": {"said": found.goal.told, "means": str(found.goal)},
        "target": found.target.name,
        "machine": found.machine,
        "model": found.model,
        "data": found.data,
        "samples": found.samples,
        "max_drop": found.max_drop,
        "seconds": round(found.seconds, 1),
        "finished": found.finished,
        "recommendation": None
        if best is None
        else {
            **_candidate(best.candidate),
            "sentence": best.sentence,
            "as_it_is": best.as_it_is,
            "gain": None if best.gain is None else _interval(best.gain),
        },
        "nearest": _candidate(found.nearest) if found.nearest else None,
        "front": [_candidate(each) for each in found.front],
        "measured": [
            {**_point(point), **_figures(figures), "left": why} for point, figures, why in found.measured
        ],
        "refused": [{"what": each.what, "why": each.why} for each in found.refused],
    }


def _candidate(each: Candidate) -> dict[str, Any]:
    judgment = each.judgment
    return {
        **_point(each.point),
        **_figures(each.figures),
        "accuracy": {"figure": judgment.score.primary, **_interval(judgment.score.value)},
        "drop": _interval(judgment.drop),
        "same_outputs": judgment.same,
        "refused": judgment.refused,
    }


def _point(point: Point) -> dict[str, Any]:
    setup = point.setup
    return {
        "variant": setup.variant.name,
        "format": setup.variant.artifact.format,
        "model": setup.variant.artifact.digest,
        "runtime": setup.runtime,
        "precision": setup.precision,
        "threads": setup.threads,
        "batch": point.batch,
        "optimize": setup.optimize,
        "engine": dict(setup.engine),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "p50_ms": _quantile(figures.p50),
        "p90_ms": _quantile(figures.p90),
        "p99_ms": _quantile(figures.p99),
        "throughput": _digits(figures.throughput),
        "rss_mb": _digits(figures.memory),
        "uss_mb": _digits(figures.unique),
        "runs": figures.runs,
    }


def _quantile(found: Quantile) -> dict[str, Any]:
    high = _digits(found.high) if found.high != float("inf") else None
    low = _digits(found.low) if found.low != float("-inf") else None
    return {"value": _digits(found.value), "low": low, "high": high}


def _interval(found: Any) -> dict[str, float]:
    return {"value": _digits(found.value), "low": _digits(found.low), "high": _digits(found.high)}


def _digits(value: float) -> float:
    """Four significant digits: more were not measured."""
    return float(f"{value:.4g}")
