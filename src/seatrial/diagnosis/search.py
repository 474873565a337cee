"""Finds out why two pipelines disagree: suspects, tries, proves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from seatrial.diagnosis.agreement import same_feeds
from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.hypothesis import Hypothesis, all_hypotheses
from seatrial.diagnosis.proof import NEARER, attempt, proved, solves
from seatrial.diagnosis.result import Attempt, Cause, Diagnosis, Divergence
from seatrial.diagnosis.screening import Clock, Tried, screen, telling
from seatrial.diagnosis.sentence import sentence
from seatrial.diagnosis.setup import Intervention, Stage, changes
from seatrial.diagnosis.stages import first_stage

MOST_SAMPLES = 128
SHARE_FIRST_LOOK = 0.08  # of the budget, for asking the deployed setup about every sample
SHARE_SECOND_LOOK = 0.04  # the same, for what remains when one cause is undone
FINALISTS = 6
NEAR = 0.9  # closeness in the screening from which a change may explain everything
BEAM = 4  # single changes that a second one is tried on top of

BEFORE_MODEL: tuple[Stage, ...] = ("decoded", "preprocessed")


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        budget: Seconds; the search ends with what it has then.
        hypotheses: By name; None: all there are.
        progress: Told what is being done.
        now: Tells the time, in seconds from anywhere.
    """

    budget: float = 120.0
    hypotheses: Mapping[str, Hypothesis] | None = None
    progress: Callable[[str], None] = lambda _: None
    now: Callable[[], float] = time.monotonic


def diagnose(case: Case, how: Search | None = None) -> Diagnosis:
    """Why what is deployed does not answer as the reference does.

    Cheap statistics order the suspicions, each is undone on a few samples, the best on all of them, and one
    is believed only when agreement recovers more than chance allows among all that was tried. When no single
    change explains it, two together are tried.

    Args:
        case: What is deployed, what was right, and the samples.
        how: Budget and hypotheses.

    Returns:
        The diagnosis; its verdict is `none-found` rather than a guess.

    Raises:
        SeatrialError: What is deployed cannot be asked at all.
    """
    how = how or Search()
    return _Search(case, how, Clock(how.budget, how.now)).run()


class _Search:
    """One search."""

    def __init__(self, case: Case, how: Search, clock: Clock) -> None:
        self.case, self.how, self.clock = case, how, clock
        self.tried = Tried()
        self.attempts: list[Attempt] = []
        self.divergence: Divergence | None = None

    def run(self) -> Diagnosis:
        """Look, suspect, screen, prove; then the same for two causes at once."""
        self.how.progress("asking what is deployed")
        self.seen = self._first_look()
        if self.seen.agrees.all():
            return self._conclude(None)
        self.how.progress("comparing stage by stage")
        self.divergence = first_stage(self.case)
        self.hypotheses = self._possible()
        ranked = self._screened((), until=0.5)
        cause = self._best([(close, [each]) for close, each in ranked])
        if cause is None or cause.partial:
            better = self._two_causes(ranked)
            cause = better or cause
        return self._conclude(cause)

    def _first_look(self) -> Observation:
        """The deployed setup on as many samples as the budget allows, at least eight."""
        total = len(self.case.samples)
        few = self.case.observe(self.case.setup, range(min(8, total)))
        self.seconds_each = max(self.clock.spent / max(len(few.places), 1), 1e-6)
        affordable = int(self.how.budget * SHARE_FIRST_LOOK / self.seconds_each)
        self.case.asked = min(total, MOST_SAMPLES, max(8, affordable))
        return self.case.observed

    def _possible(self) -> dict[str, Hypothesis]:
        """The hypotheses that the first diverging stage leaves: equal tensors acquit what made them."""
        known = self.how.hypotheses if self.how.hypotheses is not None else all_hypotheses()
        if not self._same_tensors():
            return dict(known)
        return {name: each for name, each in known.items() if each.stage not in BEFORE_MODEL}

    def _same_tensors(self) -> bool:
        """Whether every sample's tensors are the reference's, as far as it knows them."""
        right = self.case.reference.feeds
        if right is None:
            return False
        pairs = [(right[place], got) for place, got in zip(self.seen.places, self.seen.feeds, strict=True)]
        return all(a is None or same_feeds(a, b) >= 1.0 for a, b in pairs)

    def _screened(self, base: Sequence[Intervention], *, until: float) -> list[tuple[float, Intervention]]:
        setup = base[-1].setup if base else self.case.setup
        left = self.case.observe(setup, self._some_places()) if base else self.seen
        places = telling(left, self.case.seed)
        undone = {each.hypothesis for each in base}
        proposals = [
            each
            for each in self.tried.proposals(self.hypotheses, self.case, setup)
            if each.hypothesis not in undone
        ]
        self.tried.count += len(proposals)
        self.how.progress(f"trying {len(proposals)} changes")
        return screen(self.case, proposals, places, self.clock, until=until)

    def _some_places(self) -> Sequence[int]:
        """As many samples as a look at what remains may cost, those that disagree first."""
        affordable = int(self.how.budget * SHARE_SECOND_LOOK / self.seconds_each)
        return telling(self.seen, self.case.seed)[: max(12, affordable)]

    def _best(self, chains: Sequence[tuple[float, Sequence[Intervention]]]) -> Cause | None:
        """The best proved cause among chains of changes, asked on every sample of the first look.

        Once one explains everything, only those that did as well in the screening are asked too. Where none
        came near, the time is better spent on two at once.
        """
        found: list[Attempt] = []
        near = bool(chains) and chains[0][0] >= NEAR
        for close, chain in chains[: FINALISTS if near else FINALISTS // 3]:
            if any(map(solves, found)) and close < chains[0][0] - NEARER:
                break
            if found and self.clock.beyond(1.0):
                break
            tried = attempt(chain, self.seen, self._observed(chain[-1]))
            self.attempts.append(tried)
            found.append(tried)
        found.sort(key=lambda each: (-round(each.after, 3), -round(each.closer, 3), self._doubt(each)))
        for tried in found:
            cause = proved(self.case, tried, count=max(self.tried.count, 1))
            if cause is not None:
                also = tuple(
                    each for each in found if each is not tried and each.closer >= tried.closer - 1e-6
                )
                return replace(cause, also=also)
        return None

    def _two_causes(self, ranked: Sequence[tuple[float, Intervention]]) -> Cause | None:
        """Two changes at once: the best single ones, each with everything else on top."""
        chains: list[tuple[float, list[Intervention]]] = []
        for turn, (_, first) in enumerate(_diverse(ranked, BEAM)):
            until = 0.5 + 0.4 * (turn + 1) / BEAM
            if self.clock.beyond(until):
                break
            chains += [(close, [first, each]) for close, each in self._screened([first], until=until)[:3]]
        chains.sort(key=lambda row: -row[0])
        cause = self._best(chains)
        if cause is None or not self._both_needed(cause.attempt):
            return None
        return cause

    def _both_needed(self, pair: Attempt) -> bool:
        """Two causes are claimed only where the pair clearly beats each one alone."""
        first = pair.interventions[0]
        singles = [each for each in self.attempts if len(each.interventions) == 1]
        if not any(each.interventions[0] is first for each in singles):
            singles.append(attempt([first], self.seen, self._observed(first)))
        if self.case.reference.outputs is not None and solves(pair):
            return pair.after > max(each.after for each in singles)  # numbers do not come back by chance
        return pair.closer > max(each.closer for each in singles) + 0.01

    def _observed(self, change: Intervention) -> Observation:
        return self.case.observe(change.setup, self.seen.places)

    def _doubt(self, tried: Attempt) -> tuple[int, float]:
        """Smaller for the smaller change, then for what was suspected more."""
        changed = changes(self.case.setup, tried.interventions[-1].setup)
        return changed, -sum(each.prior for each in tried.interventions)

    def _conclude(self, cause: Cause | None) -> Diagnosis:
        agree = bool(self.seen.agrees.all())
        verdict = "cause" if cause else "agree" if agree else "none-found"
        return Diagnosis(
            verdict=verdict,  # type: ignore[arg-type]  # one of the three words
            sentence=sentence(cause, self.seen, self.divergence, self.tried.count, self.case),
            agreement=self.seen.agreement,
            n=len(self.seen.places),
            setup=cause.attempt.interventions[-1].setup if cause else self.case.setup,
            cause=cause,
            attempts=tuple(sorted(self.attempts, key=lambda each: (-each.after, -each.closer))),
            tried=self.tried.count,
            hypotheses=tuple(self.tried.asked),
            divergence=self.divergence,
            seconds=round(self.clock.spent, 3),
            notes=tuple(self.tried.notes),
        )


def _diverse(ranked: Sequence[tuple[float, Intervention]], count: int) -> list[tuple[float, Intervention]]:
    """The best of each hypothesis, best first."""
    best: dict[str, tuple[float, Intervention]] = {}
    for row in ranked:
        best.setdefault(row[1].hypothesis, row)
    return list(best.values())[:count]
