"""What every rendering shows first: the checks by urgency, and of each the finding that decided it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.checks._finding import WORST_FIRST, Finding, Verdict
from seatrial.checks._render._figure import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.checks._report import CheckResult, Report


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        result: Of the check.
        decisive: The finding that speaks for the check: its headline or the tightest; None when it broke.
        comparison: Its figure and limit, or None.
        control: `rejected`, `accepted` (the check cannot say no today) or `none` (it broke before).
    """

    result: CheckResult
    decisive: Finding | None
    comparison: Comparison | None
    control: str


def rows(report: Report) -> list[Row]:
    """The checks, worst first and then by order: a SKIP never stands among the passes."""
    by_urgency = sorted(
        report.results, key=lambda each: (WORST_FIRST.index(each.verdict), each.order, each.name)
    )
    return [_row(each) for each in by_urgency]


def standing(report: Report) -> str:
    """What the run allows: `yes` (approval), `part` (some checks only: nothing to approve) or `no`."""
    if report.verdict is not Verdict.PASS:
        return "no"
    return "part" if report.partial else "yes"


def urgent_first(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, worst first; those alike stay in their order."""
    return sorted(findings, key=lambda each: WORST_FIRST.index(each.verdict))


def counts(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, int]]:
    """How many there are of each verdict that occurs, worst first."""
    return [(each, verdicts.count(each)) for each in WORST_FIRST if each in verdicts]


def failures(report: Report) -> list[tuple[CheckResult, Finding]]:
    """Every finding that is no PASS and no SKIP, worst first."""
    found = [
        (row.result, finding)
        for row in rows(report)
        for finding in row.result.findings
        if finding.verdict not in {Verdict.PASS, Verdict.SKIP}
    ]
    return sorted(found, key=lambda pair: WORST_FIRST.index(pair[1].verdict))


def _row(result: CheckResult) -> Row:
    control = "none" if result.control is None else "rejected" if result.control.rejected else "accepted"
    alike = [each for each in result.findings if each.verdict is result.verdict]
    # Of the findings that decided, the check's own headline says most, else the one nearest to its limit.
    compared = [(compare(each), each) for each in alike]
    with_share = [(both, each) for both, each in compared if both and both.share is not None]
    leading = next((pair for pair in compared if pair[1].id == result.headline), None)
    if result.verdict is Verdict.PASS and leading:
        return Row(result, leading[1], leading[0], control)
    if result.verdict is Verdict.PASS and with_share:
        nearest, decisive = max(with_share, key=lambda pair: pair[0].share or 0.0)
        return Row(result, decisive, nearest, control)
    with_limit = [(both, each) for both, each in compared if both and both.limit]
    picked = (with_limit or compared or [(None, None)])[0]
    if result.verdict is not Verdict.PASS and compared:
        picked = compared[0]
    return Row(result, picked[1], picked[0], control)
