"""The self-test: the good release first, then every broken one, then good ones made another way (M12)."""

from __future__ import annotations

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from seatrial import __version__
from seatrial.checks import Report, Verdict, all_checks
from seatrial.errors import NotFound, UsageError
from seatrial.faults import Fault
from seatrial.selftest.bench import Job, Reply
from seatrial.selftest.result import FaultRow, GoodRow, Mark, SelfTest, Status
from seatrial.selftest.scoring import score
from seatrial.selftest.subject import Subject, baseline_of, read_good
from seatrial.selftest.variants import VARIANTS, Variant, fitting
from seatrial.selftest.workers import Workers
from seatrial.text import Text

# Reading is cheaper than running: what a file shows is asked first.
KINDS = ("file", "weights", "graph", "delivery", "labels", "pipeline", "data", "gate", "service")
# Load tests are slow and want the machine for themselves.
ALONE = "performance"


@dataclass(frozen=True)
class Plan:
    """What a self-test is to do.

    Attributes:
        faults: Names of faults, see `choose`.
        good: Gate runs over good releases, in all.
        jobs: Processes at a time.
        seed: Of faults and of the gate.
        quick: Let each release go at the first check that sees it.
        limit: Seconds one release may take.
        load_every: Every so many good releases also `performance` is asked; 0: never.
    """

    faults: tuple[str, ...]
    good: int = 10
    jobs: int = 2
    seed: int = 7
    quick: bool = False
    limit: float = 600.0
    load_every: int = 5


@dataclass(frozen=True)
class Step:
    """One release was judged.

    Attributes:
        row: What became of it; None for the good release itself.
        done: Releases judged so far.
        planned: In all.
        remaining: Seconds it will still take, roughly.
    """

    row: FaultRow | GoodRow | None
    done: int
    planned: int
    remaining: float


def choose(wanted: str, faults: Mapping[str, Fault]) -> tuple[str, ...]:
    """Names of the faults that a person means, in the order they are run.

    Args:
        wanted: `all`, or several of these with commas between: a check by its place in the table (`C4`), a
            number (`F02`), a kind (`weights`), a name.
        faults: All there are.

    Raises:
        NotFound: One of them means no fault.
    """
    places = {f"C{each.order}": each.name for each in all_checks()}
    chosen: set[str] = set()
    for word in filter(None, (each.strip() for each in wanted.split(","))):
        found = {
            name
            for name, each in faults.items()
            if word in ("all", name, each.kind)
            or (each.number and word.upper() in re.split(r"[ ,]+", each.number))
            or places.get(word.upper()) in each.checks
        }
        if not found:
            near = get_close_matches(word, faults, n=3, cutoff=0.4)
            raise NotFound(
                f"no fault '{word}'",
                hint=("like it: " + ", ".join(near) + "; " if near else "")
                + "`seatrial list faults` shows all; C1 to C10, F01 to F49 and kinds are groups",
            )
        chosen |= found
    return tuple(sorted(chosen, key=lambda name: (_place(faults[name].kind), name)))


def _place(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def run_selftest(
    subject: Subject,
    plan: Plan,
    *,
    clock: Callable[[], datetime],
    command: str = "",
    told: Callable[[Step], None] = lambda _: None,
) -> SelfTest:
    """Breaks the user's own release in every way asked for, and looks whether the gate says no.

    Args:
        subject: The good release.
        plan: What to do.
        clock: Gives the time, UTC-aware.
        command: As typed.
        told: Told each release as it is judged.

    Returns:
        What was found; of an interrupted run (`KeyboardInterrupt`) the rows done so far.

    Raises:
        SeatrialError: Something named cannot be read.
        UsageError: The gate refuses the good release: a gate that says no to everything proves nothing.
    """
    started, begin = clock(), time.monotonic()
    good = read_good(subject)
    pinned = tuple(sorted(good.contract.fingerprints))
    run = _Run(subject, plan, pinned, fitting(good, subject.profile))
    with tempfile.TemporaryDirectory(prefix="seatrial-selftest-") as scratch:
        workers = Workers(subject, Path(scratch), seed=plan.seed, limit=plan.limit)
        with closing(workers):
            report = run.accept_good(workers, clock)
            told(Step(None, 0, run.planned, run.remaining()))
            try:
                for row in run.judged(workers):
                    told(Step(row, len(run.replies), run.planned, run.remaining()))
            except KeyboardInterrupt:
                run.interrupted = True
    return run.result(report, started, round(time.monotonic() - begin, 1), command)


@dataclass
class _Run:
    """One self-test under way."""

    subject: Subject
    plan: Plan
    pinned: tuple[str, ...]
    variants: tuple[Variant, ...]
    interrupted: bool = False
    replies: list[Reply] = field(default_factory=list)
    costs: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checks = all_checks()
        self.names = tuple(each.name for each in self.checks)
        self.faults = self.subject.catalogue()
        self.jobs = [*self._fault_jobs(), *self._good_jobs()]
        self.planned = len(self.jobs)
        self.wall = 0.0

    def _fault_jobs(self) -> Iterator[Job]:
        for name in self.plan.faults:
            fault = self.faults[name]
            asked = tuple(each for each in self.names if each != ALONE or ALONE in fault.checks)
            yield Job("fault", name, self.plan.seed, asked, full="full" in fault.needs, quick=self.plan.quick)

    def _good_jobs(self) -> Iterator[Job]:
        every = self.plan.load_every
        for place in range(self.plan.good):
            variant = self.variants[place % len(self.variants)]
            loaded = every > 0 and place % every == 0
            asked = self.names if loaded else tuple(each for each in self.names if each != ALONE)
            yield Job("variant", variant.name, self.plan.seed + place // len(self.variants), asked)

    def accept_good(self, workers: Workers, clock: Callable[[], datetime]) -> Report:
        """Judges the good release as it is; its figures become the baseline of all others."""
        job = Job("good", "as named", self.plan.seed, self.names)
        reply = next(iter(workers.run([job], at_once=1)))
        if reply.report is None:
            raise UsageError(
                f"the good release could not be judged: {reply.broke}",
                hint="run: seatrial check MODEL --data HELDOUT",
            )
        if reply.report.verdict is not Verdict.PASS:
            raise UsageError(
                f"the gate says no to the good release ({reply.report.reason.en}), and a gate that refuses "
                "the good one proves nothing by refusing broken ones",
                hint="run seatrial check on it, and come back when it passes",
            )
        workers.accept(baseline_of(reply.report, clock))
        self.costs = {each.name: each.seconds for each in reply.report.results}
        return reply.report

    def judged(self, workers: Workers) -> Iterator[FaultRow | GoodRow]:
        """Every row as it comes: side by side first, then those that want the machine for themselves."""
        begin = time.monotonic()
        together = [each for each in self.jobs if ALONE not in each.checks]
        alone = [each for each in self.jobs if ALONE in each.checks]
        for jobs, at_once in ((together, self.plan.jobs), (alone, 1)):
            for reply in workers.run(jobs, at_once=at_once):
                self.replies.append(reply)
                self.wall = time.monotonic() - begin
                yield self.row(reply)

    def remaining(self) -> float:
        """Seconds still to go, by what the good release cost and how that has held so far."""
        done = {(each.job.kind, each.job.name, each.job.seed) for each in self.replies}
        ahead = [each for each in self.jobs if (each.kind, each.name, each.seed) not in done]
        spent = sum(self._expected(each.job) for each in self.replies)
        pace = self.wall / spent if spent and self.wall else 1.0
        return pace * sum(self._expected(each) for each in ahead)

    def _expected(self, job: Job) -> float:
        share = 1 if ALONE in job.checks else self.plan.jobs
        return sum(self.costs.get(each, 0.0) for each in job.checks) / share

    def row(self, reply: Reply) -> FaultRow | GoodRow:
        """The row of one reply."""
        return _good_row(reply) if reply.job.kind == "variant" else self._fault_row(reply)

    def _fault_row(self, reply: Reply) -> FaultRow:
        fault, answer = self.faults[reply.job.name], reply.answer
        order = {name: place for place, name in enumerate(self.names)}
        expected = tuple(sorted(fault.checks, key=lambda name: order.get(name, len(order))))
        status = Status.NOT_APPLICABLE if reply.not_applicable else Status.ERROR
        if answer is not None:
            status = Status.CAUGHT if answer.refused else Status.MISSED
        marks = {name: answer.marks.get(name, Mark.NOT_ASKED) for name in self.names} if answer else {}
        return FaultRow(
            name=fault.name,
            number=fault.number,
            title=fault.title,
            kind=fault.kind,
            status=status,
            expected=expected,
            seed=reply.job.seed,
            marks=marks,
            first=answer.first if answer and answer.refused else "",
            finding=answer.finding if answer and answer.refused else "",
            said=answer.said if answer and answer.refused else None,
            digest_only=bool(answer and answer.digest_only),
            equivalent=fault.identity_only,
            why=reply.not_applicable or reply.broke,
            seconds=answer.seconds if answer else 0.0,
        )

    def result(self, report: Report, started: datetime, seconds: float, command: str) -> SelfTest:
        """Everything found so far."""
        rows = [self.row(each) for each in self.replies]
        order = {name: place for place, name in enumerate(self.plan.faults)}
        faults = sorted(
            (each for each in rows if isinstance(each, FaultRow)), key=lambda each: order[each.name]
        )
        good = [each for each in rows if isinstance(each, GoodRow)]
        titles = {each.name: each.title for each in self.checks}
        times: dict[str, list[float]] = defaultdict(list)
        for reply in self.replies:
            for name, took in (reply.answer.times if reply.answer else {}).items():
                times[name].append(took)
        return SelfTest(
            model=report.model,
            subject=report.subject,
            profile=report.profile,
            members=self.subject.members is not None,
            pinned=self.pinned,
            checks=self.names,
            titles=titles,
            faults=tuple(faults),
            good=tuple(good),
            scores=score(faults, good, titles=titles, seconds=times, quick=self.plan.quick),
            seed=self.plan.seed,
            quick=self.plan.quick,
            interrupted=self.interrupted,
            planned=self.planned,
            jobs=self.plan.jobs,
            environment=report.environment,
            started=started.isoformat(timespec="seconds"),
            seconds=seconds,
            seatrial=__version__,
            command=command,
        )


def _good_row(reply: Reply) -> GoodRow:
    title = next(each.title for each in VARIANTS if each.name == reply.job.name)
    answer, why = reply.answer, reply.not_applicable or reply.broke
    status = "not-applicable" if reply.not_applicable else "error"
    if answer is not None:
        status = "refused" if answer.refused else "passed"
    return GoodRow(
        variant=reply.job.name,
        title=title,
        seed=reply.job.seed,
        status=status,
        asked=reply.job.checks,
        why=answer.said if answer is not None and answer.refused else Text(why, why) if why else None,
        seconds=answer.seconds if answer is not None else 0.0,
    )
