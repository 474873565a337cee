"""From the gate's report on one release to what each check said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.checks import CheckResult, Finding, Report, Verdict
from seatrial.selftest.result import BY_BEHAVIOR, SAID_NO, SAW, Mark
from seatrial.text import Text

# Findings that hold nothing but digests against those of the accepted release: they know that something
# is another thing, and never what it does.
IDENTITY = frozenset(
    {
        "structure.fingerprint",
        "weights.previous",
        "interface.labels-since-baseline",
        "interface.vocabulary-since-baseline",
    }
)


@dataclass(frozen=True)
class Answer:
    """What the gate said of one release.

    Attributes:
        refused: Whether it said no.
        marks: What each check said, by its name, in the order of checks.
        first: The first that saw it in the release itself, else the first that knew other digests.
        finding: Id of the finding it said no with, or empty.
        said: That finding in one sentence; the gate's reason when no check stands for it.
        seconds: Time to the verdict.
        times: Time each check took, by its name.
    """

    refused: bool
    marks: Mapping[str, Mark]
    first: str
    finding: str
    said: Text
    seconds: float
    times: Mapping[str, float]

    @property
    def digest_only(self) -> bool:
        """The gate said no, and no check saw it in the release itself."""
        no = [mark for mark in self.marks.values() if mark in SAID_NO]
        return self.refused and bool(no) and not any(mark in BY_BEHAVIOR for mark in no)


def answer_of(report: Report) -> Answer:
    """The answer of a whole report."""
    marks = {each.name: mark_of(each) for each in report.results}
    refused = report.verdict is not Verdict.PASS
    first = next(
        (name for asked in (SAW, BY_BEHAVIOR, SAID_NO) for name, mark in marks.items() if mark in asked), ""
    )
    result = next((each for each in report.results if each.name == first), None)
    finding = _decisive(result) if result is not None else None
    said = finding.summary if finding is not None else report.reason
    if result is not None and finding is None and result.error:
        line = result.error.splitlines()[0]
        said = Text(line, line)
    return Answer(
        refused=refused,
        marks=marks,
        first=first,
        finding=finding.id if finding is not None else "",
        said=said,
        seconds=report.seconds,
        times={each.name: each.seconds for each in report.results},
    )


def mark_of(result: CheckResult) -> Mark:
    """What one check said."""
    if result.verdict is Verdict.FAIL:
        failed = [each for each in result.findings if each.verdict is Verdict.FAIL]
        return Mark.DIGEST if failed and all(each.id in IDENTITY for each in failed) else Mark.NO
    if result.verdict is Verdict.PASS:
        return Mark.YES
    if result.verdict is Verdict.WARN:
        return Mark.WARNED
    if result.required:
        return Mark.NO_ANSWER
    return Mark.SKIPPED


def _decisive(result: CheckResult) -> Finding | None:
    """The finding that a check's no rests on, one about the release itself before one about digests."""
    bad = [each for each in result.findings if each.verdict is result.verdict]
    seen = [each for each in bad if each.id not in IDENTITY]
    return next(iter(seen or bad), None)
