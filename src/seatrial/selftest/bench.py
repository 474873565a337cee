"""Judges one release after another: makes it, reads it as it is, and asks the gate."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from seatrial.checks import (
    Answers,
    Baseline,
    Candidate,
    GateRun,
    Report,
    Verdict,
    all_checks,
    open_trial,
    run_gate,
)
from seatrial.contract import Contract
from seatrial.contract.labels import check_names, fingerprint
from seatrial.converters import convert
from seatrial.errors import SeatrialError
from seatrial.faults import NotApplicable, Release
from seatrial.model import Artifact, open_model
from seatrial.selftest.marks import Answer, answer_of, mark_of
from seatrial.selftest.result import SAID_NO, SAW, Mark
from seatrial.selftest.subject import Subject, read_good
from seatrial.selftest.variants import VARIANTS, Making, company
from seatrial.text import Text

# A quick run asks in this order: reading first, engines later, load last.
QUICK = (
    "structure", "weights", "interface", "deployment", "security",
    "accuracy", "robustness", "explainability", "consistency", "performance",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One release to judge.

    Attributes:
        kind: `good` (as the user named it), `fault` or `variant`.
        name: Of the fault or variant.
        seed: Of the fault, or of the gate for a variant.
        checks: To ask, in their order.
        full: In the long tier.
        quick: Let go at the first check that sees it.
    """

    kind: Literal["good", "fault", "variant"]
    name: str
    seed: int
    checks: tuple[str, ...]
    full: bool = False
    quick: bool = False


@dataclass(frozen=True)
class Reply:
    """What became of a job.

    Attributes:
        job: The job.
        answer: The gate's; None when there was none.
        not_applicable: Why it cannot be made of this release.
        broke: What broke in the self-test itself.
        report: Of the good release.
    """

    job: Job
    answer: Answer | None = None
    not_applicable: str = ""
    broke: str = ""
    report: Report | None = None


class Bench:
    """Where releases are judged, one at a time. Reads the good release once and keeps engines warm.

    Args:
        subject: The good release, as the user named it.
        scratch: A folder of its own for temporary files.
        seed: Of the gate.

    Raises:
        SeatrialError: Something named cannot be read.
    """

    def __init__(self, subject: Subject, scratch: Path, *, seed: int) -> None:
        self.baseline: Baseline | None = None
        self._subject = subject
        self._scratch = scratch
        self._seed = seed
        self._good = read_good(subject)
        self._convert = _Conversions(self._good.artifact, scratch / "converted")
        # A key in a delivered notebook changes no answer of the model: what rests on the rest is asked once.
        self._answers = Answers(scratch / "answers")

    def do(self, job: Job) -> Reply:
        """Makes the release and asks the gate. What breaks is told, and harms no other job."""
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch, prefix=f"{job.name}-") as folder:
                return _portable(self._done(job, Path(folder)), folder)
        except NotApplicable as error:
            return Reply(job, not_applicable=error.message)
        except SeatrialError as error:
            return Reply(job, broke=f"{error.message} {error.hint}".strip())
        except Exception as error:  # noqa: BLE001 - one fault that breaks must not take the others with it
            last = traceback.extract_tb(error.__traceback__)[-1]
            return Reply(
                job, broke=f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
            )

    def _done(self, job: Job, folder: Path) -> Reply:
        making, scratch = folder / "release", folder / "scratch"
        making.mkdir()
        scratch.mkdir()
        if job.kind == "good":
            report = self._judged(self._good.release, job, scratch, baseline=None)
            return Reply(job, answer_of(report), report=report)
        if job.kind == "variant":
            return self._variant(job, making, scratch)
        fault = self._subject.catalogue()[job.name]
        if "members" in fault.needs and not self._good.release.held_out.members:
            raise NotApplicable("it needs training samples (--members)")
        release = fault.make(self._good, making, job.seed)
        return Reply(job, self._answer(release, job, scratch, baseline=self.baseline))

    def _variant(self, job: Job, making: Path, scratch: Path) -> Reply:
        variant = next(each for each in VARIANTS if each.name == job.name)
        release = variant.make(Making(self._good, self._subject.profile, making, self._convert))
        baseline = self.baseline if variant.accepted else None
        with company(busy=variant.busy):
            return Reply(job, self._answer(release, job, scratch, baseline=baseline))

    def _answer(self, release: Release, job: Job, scratch: Path, *, baseline: Baseline | None) -> Answer:
        """The gate's answer, or the refusal of a release that cannot be read."""
        begin = time.monotonic()
        try:
            artifact = open_model(release.model)
        except SeatrialError as error:
            return _refusal("structure", error, job, time.monotonic() - begin)
        try:
            contract, strangers = as_loaded(release.contract)
        except SeatrialError as error:
            return _refusal("interface", error, job, time.monotonic() - begin)
        loaded = replace(release, contract=contract)
        answer = answer_of(self._judged(loaded, job, scratch, baseline=baseline, artifact=artifact))
        return _with_strangers(answer, strangers) if strangers else answer

    def _judged(
        self,
        release: Release,
        job: Job,
        scratch: Path,
        *,
        baseline: Baseline | None,
        artifact: Artifact | None = None,
    ) -> Report:
        candidate = Candidate(
            artifact=artifact or self._good.artifact,
            contract=release.contract,
            held_out=release.held_out,
            profile=replace(self._subject.profile, **release.profile),
            delivered=release.delivered,
            baseline=baseline,
            full=job.full,
            seed=job.seed if job.kind == "variant" else self._seed,
            behavior=release.behavior,
        )
        # No digest knows how a service behaves, and good releases are there to be asked again.
        known = self._answers if job.kind == "fault" and release.behavior is None else None
        with open_trial(candidate, scratch, convert=self._convert) as trial:

            def ask(*names: str) -> Report:
                everything = {each.name for each in all_checks()}
                only = frozenset() if everything <= set(names) else frozenset(names)
                return run_gate(trial, GateRun("seatrial check", clock=_now, only=only, answers=known))

            return _until_seen(ask, job.checks) if job.quick else ask(*job.checks)


def _portable(reply: Reply, folder: str) -> Reply:
    """The reply without the names of folders that are gone when it is read."""
    if reply.answer is None:
        return reply
    said = reply.answer.said
    short = Text(*(each.replace(f"{folder}/release/", "") for each in (said.en, said.zh)))
    return replace(reply, answer=replace(reply.answer, said=short))


def _until_seen(ask: Callable[..., Report], names: Sequence[str]) -> Report:
    """Asks one check after another until one sees the fault in the release itself; cheap ones first."""
    place = {name: QUICK.index(name) if name in QUICK else len(QUICK) for name in names}
    reports: list[Report] = []
    for name in sorted(names, key=lambda each: place[each]):
        reports.append(ask(name))
        if mark_of(reports[-1].results[0]) in SAW:
            break
    worst = next((each for each in reports if each.verdict is not Verdict.PASS), reports[-1])
    results = sorted((each.results[0] for each in reports), key=lambda each: each.order)
    seconds = round(sum(each.seconds for each in reports), 3)
    return replace(worst, results=tuple(results), seconds=seconds)


def as_loaded(contract: Contract) -> tuple[Contract, tuple[str, ...]]:
    """The contract as its file would be read, were its lists pinned by nobody, and the lists that are not.

    A list with another digest than the contract's is refused when the file is read. To learn whether the gate
    would see it without the digest, the digest is dropped, and the names of such lists come beside it.

    Raises:
        ContractViolation: The file would be refused whatever its digests: a step that does not exist, an
            option out of range, a label that stands there twice.
    """
    lists = {"labels": contract.labels, "vocabulary": contract.vocabulary}
    kept = dict(contract.fingerprints)
    strangers = tuple(
        what for what, names in lists.items() if kept.get(what) and kept[what] != fingerprint(names)
    )
    for what in strangers:
        del kept[what]
    for what, names in lists.items():
        check_names(names, what, expected=kept.get(what, ""))
    for stage in ("preprocess", "postprocess"):
        for call in getattr(contract, stage).calls:
            call.check(stage)
    return replace(contract, fingerprints=kept), strangers


def _with_strangers(answer: Answer, lists: Sequence[str]) -> Answer:
    """The answer, and that the contract's file would have been refused for the digest of a list."""
    seen = answer.marks.get("interface", Mark.NOT_ASKED)
    marks = {**answer.marks, "interface": seen if seen in SAID_NO else Mark.DIGEST}
    if answer.refused and answer.first:
        return replace(answer, marks=marks)
    names = " and ".join(lists)
    said = Text(
        f"the contract is refused: its {names} are not those of the digest it carries",
        f"契约被拒绝读取：{names} 与契约中登记的摘要不一致",
    )
    return replace(answer, refused=True, marks=marks, first="interface", finding="", said=said)


def _refusal(check: str, error: SeatrialError, job: Job, seconds: float) -> Answer:
    """A release that cannot even be read: the gate says no before any check is asked."""
    marks = {name: Mark.REFUSED if name == check else Mark.NOT_ASKED for name in job.checks}
    said = Text(error.message, error.message)
    return Answer(
        refused=True,
        marks=marks,
        first=check,
        finding="",
        said=said,
        seconds=round(seconds, 3),
        times={check: round(seconds, 3)},
    )


class _Conversions:
    """Converts the good model once; whatever else is converted each time.

    A conversion depends on the model's bytes alone, and consistency compares its result with every release's
    own samples, so that sharing it changes no verdict.
    """

    def __init__(self, good: Artifact, folder: Path) -> None:
        self._good = good
        self._folder = folder
        self._made: dict[str, Any] = {}

    def __call__(self, artifact: Artifact, target: str, out: Path, **options: Any) -> Any:
        if artifact.digest != self._good.digest:
            return convert(artifact, target, out, **options)
        if target not in self._made:
            try:
                self._made[target] = convert(self._good, target, self._folder / target, **options)
            except SeatrialError as error:
                self._made[target] = error
        made = self._made[target]
        if isinstance(made, SeatrialError):
            raise made
        return made


def _now() -> datetime:
    return datetime.now(UTC)
