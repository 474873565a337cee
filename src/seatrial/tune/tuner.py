"""From a model and a goal to a recommendation: the race, the judge of answers, the front, the duel (M27)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from seatrial.checks import FEWEST_PAIRS, PairedRatio, paired_ratio
from seatrial.contract import Contract, HeldOut, feeds_of
from seatrial.errors import UsageError
from seatrial.model import Artifact
from seatrial.runtimes import available_runtimes
from seatrial.tune._bench import Bench
from seatrial.tune._judging import Judge, Watch
from seatrial.tune._record import Block, Record
from seatrial.tune._score import MAX_DROP, Scorer
from seatrial.tune.goal import FIGURES, Goal
from seatrial.tune.machine import Target
from seatrial.tune.pareto import NOISE, front
from seatrial.tune.result import Candidate, Judgment, Recommendation, Tuning
from seatrial.tune.search import Outcome, Race
from seatrial.tune.space import LARGEST_BATCH, Point, Refused, Setup, Variant, batch_sizes, native_setup
from seatrial.tune.variants import collect, space

BUDGET = 120.0
_DUEL = 2 * FEWEST_PAIRS
_SAMPLES = 64  # that batches are made of
_MOST_JUDGED = 16  # setups whose answers are judged for the front, beside those of the race


@dataclass(frozen=True)
class Task:
    """What is to be tuned.

    Attributes:
        artifact: The model.
        contract: What goes in and out; the held-out set is judged by it.
        held_out: Labelled samples.
        goal: What is wanted.
        target: On what.
        also: Other models of the same contract: quantized, pruned.
        max_drop: Of the mean score, absolute, that may be lost.
        budget: Seconds of measuring; converting and judging answers come on top.
        largest_batch: Rows.
        seed: Of the order in which points are measured.
    """

    artifact: Artifact
    contract: Contract
    held_out: HeldOut
    goal: Goal
    target: Target
    also: Sequence[Path] = ()
    max_drop: float = MAX_DROP
    budget: float = BUDGET
    largest_batch: int = LARGEST_BATCH
    seed: int = 7


class Measurer(Protocol):
    """What the tuner needs of a bench."""

    def measure(self, point: Point, repeat: int) -> Block:
        """Runs a point so many times."""
        ...


def tune(task: Task, scratch: Path, *, progress: Callable[[str], None] = lambda _: None) -> Tuning:
    """Measures what there is to choose from and recommends the point that serves the goal best.

    Args:
        task: What is to be tuned.
        scratch: An empty folder for what is converted; a recommended model may lie there.
        progress: Told what is being done.

    Raises:
        UsageError: Nothing can be measured or judged, or the budget is too small; the message says which.
    """
    feeds = feeds_of(task.contract, task.held_out, limit=_SAMPLES)
    given = Variant.of("as given", task.artifact)
    watch = Watch()
    scorer = Scorer(task.contract, task.held_out, seed=task.seed)
    reference = native_setup(given, _first_runtime(task.artifact))
    judge = Judge(scorer, reference, max_drop=task.max_drop, watch=watch, progress=progress)
    variants, refused = collect(
        task.artifact,
        task.also,
        contract=task.contract,
        target=task.target,
        samples=feeds,
        scratch=scratch,
        progress=progress,
    )
    setups, left_out = space(variants, task.target)
    sizes = batch_sizes(task.contract, variants, largest=task.largest_batch)
    points = [Point(setup, size) for setup in setups for size in sizes]
    progress(f"{len(points)} points: {len(setups)} ways to run {len(variants)} variants, batches {sizes}")
    with Bench(feeds, task.target) as bench:
        race = Race(
            points,
            task.goal,
            measure=bench.measure,
            judge=judge,
            clock=watch.now,
            budget=task.budget,
            seed=task.seed,
            progress=progress,
        )
        outcome = race.run()
        recommendation = _recommend(task.goal, outcome, judge, bench, reference)
    return _told(task, outcome, judge, recommendation, [*refused, *left_out])


def _first_runtime(artifact: Artifact) -> str:
    names = available_runtimes(artifact)
    if not names:
        raise UsageError(
            f"no installed runtime runs {artifact.format} models: there is nothing to compare with",
            hint="see: seatrial doctor",
        )
    return names[0]


def _recommend(
    goal: Goal, outcome: Outcome, judge: Judge, bench: Measurer, reference: Setup
) -> Recommendation | None:
    """The winner beside the model as it is, once more: what is not surely better is not worth it."""
    if outcome.winner is None:
        return None
    own = [each for each in outcome.records if each.point.setup.key == reference.key]
    as_it_is = min(own, key=lambda each: each.typical(goal.objective), default=None)
    winner = outcome.winner
    if as_it_is is None or winner.point.setup.key == reference.key:
        gain = None
    else:
        gain = duel(winner, as_it_is, goal.objective, bench)
        if gain.low <= 1 and as_it_is.missed(goal.bounds) <= 1:
            winner = as_it_is
    candidate = _candidate(winner, judge)
    if candidate is None:
        return None
    own_way = winner.point.setup.key == reference.key
    return Recommendation(candidate, gain, own_way, _sentence(goal, candidate, gain, own_way=own_way))


def duel(one: Record, other: Record, figure: str, bench: Measurer) -> PairedRatio:
    """How many times the cost of `one` the other has, block beside block."""
    if figure == "memory":
        ratio = other.typical(figure) / max(one.typical(figure), 1.0)
        return PairedRatio(ratio, ratio, ratio, 1)
    mine, theirs = Record(one.point), Record(other.point)
    for place in range(_DUEL):
        # Whoever comes second finds the caches of the first: in turn.
        for record, source in ((mine, one), (theirs, other))[:: 1 if place % 2 else -1]:
            runs = max(3, min(30, round(0.03 / max(source.first, 1e-9))))
            record.blocks[place] = bench.measure(record.point, runs)
    rounds = range(_DUEL)
    return paired_ratio(mine.cost(figure, rounds), theirs.cost(figure, rounds))


def _sentence(goal: Goal, found: Candidate, gain: PairedRatio | None, *, own_way: bool) -> str:
    if own_way and gain is not None:
        return (
            "The model as it is, on its own runtime with one thread: nothing else is surely better "
            f"(the best of the others: {_times(gain)} as good)."
        )
    if own_way:
        return "The model as it is, on its own runtime with one thread: nothing else was found better."
    parts = [f"{found.point}"]
    if gain is not None:
        if FIGURES[goal.objective][1] == "max":
            parts.append(f"{_times(gain)} the {goal.objective} of the model as it is")
        else:
            parts.append(f"the model as it is has {_times(gain)} its {goal.objective}")
    p99 = found.figures.p99
    bound = next((each for each in goal.bounds if each.figure == "p99"), None)
    if bound is not None and p99.high > bound.value:
        parts.append(f"{p99.n} runs cannot rule out that p99 is beyond {bound.value:g} ms")
    return "; ".join(parts) + "."


def _times(gain: PairedRatio) -> str:
    if gain.low == gain.high:
        return f"{gain.value:.2f} times"
    return f"{gain.value:.2f} times (90 %: {gain.low:.2f} to {gain.high:.2f})"


def _candidate(record: Record, judge: Judge) -> Candidate | None:
    judgment = judge.judgment(record.point.setup)
    return Candidate(record.point, record.figures(), judgment) if isinstance(judgment, Judgment) else None


def _told(
    task: Task,
    outcome: Outcome,
    judge: Judge,
    recommendation: Recommendation | None,
    refused: list[Refused],
) -> Tuning:
    records = sorted(outcome.records, key=lambda each: each.typical(task.goal.objective))
    nearest = _candidate(outcome.nearest, judge) if outcome.nearest and not recommendation else None
    shown = _front(records, judge)
    best = recommendation.candidate if recommendation else nearest
    if best and best.point not in [each.point for each in shown]:
        shown.append(best)
    return Tuning(
        goal=task.goal,
        target=task.target,
        machine=task.target.describe(),
        model=task.artifact.digest,
        data=task.held_out.digest,
        samples=len(judge.reference.scores),
        max_drop=task.max_drop,
        front=tuple(sorted(shown, key=lambda each: each.figures.p50.value)),
        measured=tuple((each.point, each.figures(), each.out) for each in records),
        refused=(*refused, *outcome.refused),
        recommendation=recommendation,
        nearest=nearest,
        seconds=outcome.seconds,
        finished=outcome.finished,
    )


def _front(records: Sequence[Record], judge: Judge) -> list[Candidate]:
    """Nobody beats them in latency, throughput, memory and answers; all of them judged, the bad ones out."""
    classes: dict[Any, list[Record]] = {}
    for each in records:
        setup = each.point.setup
        # Same numbers in another engine answer alike; other numbers may answer better and deserve their row.
        classes.setdefault((setup.variant.name, setup.precision), []).append(each)
    candidates: list[Candidate] = []
    judged: set[Any] = set()
    for members in classes.values():
        left = list(members)
        while left:
            best = front([(each, _costs(each)) for each in left])
            found = {each.point: _judged_within(each, judge, judged) for each in best}
            bad = [each for each in best if (one := found[each.point]) is None or one.judgment.refused]
            if not bad:
                candidates += [one for one in found.values() if one]
                break
            left = [each for each in left if each not in bad]
    costs = [(each, _all_costs(each)) for each in candidates]
    return front(costs, (*NOISE, 1e-6))


def _judged_within(record: Record, judge: Judge, judged: set[Any]) -> Candidate | None:
    judged.add(record.point.setup.key)
    return _candidate(record, judge) if len(judged) <= _MOST_JUDGED else None


def _costs(record: Record) -> tuple[float, float, float]:
    return (record.typical("p50"), record.typical("throughput"), max(record.typical("memory"), 1.0))


def _all_costs(each: Candidate) -> tuple[float, ...]:
    figures = each.figures
    return (
        figures.p50.value,
        1 / figures.throughput,
        max(figures.memory, 1e-6),
        2.0 - each.judgment.score.mean,
    )
