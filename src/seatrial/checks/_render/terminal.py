"""The report on a terminal: the table, what needs attention, and last the verdict with what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.checks._finding import Finding, Verdict
from seatrial.checks._render._columns import cut, padded, width, wrapped
from seatrial.checks._render._escape import one_line
from seatrial.checks._render._figure import compare, scalar, seconds, short_digest, took
from seatrial.checks._render._rows import Row, counts, failures, rows, standing
from seatrial.checks._render._words import Words

if TYPE_CHECKING:
    from seatrial.checks._report import CheckResult, Report

_COLOR = {
    Verdict.PASS: "32",
    Verdict.WARN: "33",
    Verdict.FAIL: "1;31",
    Verdict.ERROR: "1;35",
    Verdict.SKIP: "2",
    Verdict.NOT_EXERCISED: "36",
    Verdict.INCONCLUSIVE: "34",
}
_SIGN = {
    Verdict.PASS: "✓",
    Verdict.WARN: "!",
    Verdict.FAIL: "✗",
    Verdict.ERROR: "#",
    Verdict.SKIP: "-",
    Verdict.NOT_EXERCISED: "o",
    Verdict.INCONCLUSIVE: "?",
}
NARROWEST = 40
TOP = 8


@dataclass(frozen=True)
class _Page:
    words: Words
    color: bool
    width: int

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code else text

    def para(self, text: str, indent: str, label: str = "") -> list[str]:
        """A paragraph with its label hanging out."""
        room = self.width - width(indent) - width(label)
        lines = wrapped(one_line(text), max(room, 10))
        blank = " " * width(label)
        return [f"{indent}{blank if place else label}{line}" for place, line in enumerate(lines)]


def to_terminal(report: Report, language: str, *, color: bool = False, width: int = 100) -> str:
    """The report in lines of at most `width` columns, with ANSI colors when `color`."""
    page = _Page(Words(language), color, max(width, NARROWEST))
    lines = [*_head(report, page), "", *_table(report, page)]
    urgent = failures(report)
    if urgent:
        lines += ["", page.paint(page.words("top_findings"), "1")]
        for result, finding in urgent[:TOP]:
            lines += _finding(result, finding, page)
        if len(urgent) > TOP:
            lines.append("  " + page.words("more").format(len(urgent) - TOP))
    for row in rows(report):
        if row.result.error:
            lines += page.para(
                row.result.error.partition("\n")[0],
                "  ",
                f"{_SIGN[Verdict.ERROR]} {cut(one_line(row.result.name), 20)}: ",
            )
    return "\n".join([*lines, "", *_verdict(report, page)]) + "\n"


def _head(report: Report, page: _Page) -> list[str]:
    words = page.words
    subject = f"{one_line(report.model.get('name', ''))}  {short_digest(report.subject.get('model', ''))}"
    kind = f"{one_line(report.model.get('format', ''))} {one_line(report.model.get('version', ''))}".strip()
    how = f"{words('profile')} {one_line(report.profile)} · {words.known(report.tier)}"
    lines = [page.paint(cut(f"Seatrial · {words('document')}", page.width), "1")]
    return [*lines, cut(f"{subject}  {kind}", page.width), cut(how, page.width)]


def _table(report: Report, page: _Page) -> list[str]:
    words = page.words
    table = rows(report)
    status = max([width(words.verdict(each.result.verdict)) for each in table] + [6]) + 2
    title = min(max([width(_title(each, words)) for each in table] + [5]), 20 if page.width >= 72 else 14)
    figure = page.width - status - title - 6
    with_tail = page.width >= 72
    if with_tail:
        figure -= 20
    heads = [
        padded(words("status"), status),
        padded(words("check"), title),
        padded(words("measured"), figure),
    ]
    if with_tail:
        heads += [padded(words("examined"), 9, right=True), padded(words("time"), 9, right=True)]
    lines = [page.paint("  ".join(heads).rstrip(), "2"), page.paint("─" * page.width, "2")]
    for each in table:
        result = each.result
        mark = padded(f"{_SIGN[result.verdict]} {words.verdict(result.verdict)}", status)
        cells = [page.paint(mark, _COLOR[result.verdict]), padded(_title(each, words), title)]
        cells.append(padded(_figure(each, words, figure), figure))
        if with_tail:
            cells += [
                padded(scalar(result.examined), 9, right=True),
                padded(took(result, words), 9, right=True),
            ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _title(row: Row, words: Words) -> str:
    return one_line(words.text(row.result.title) or row.result.name)


def _figure(row: Row, words: Words, columns: int) -> str:
    both = row.comparison
    if both and both.limit:
        said = both.stands(words)
        margin = both.margin(words)
        return f"{said}  ({margin})" if margin and width(said) + width(margin) + 4 <= columns else said
    if both:
        return both.measured
    return one_line(row.result.error or (words.text(row.decisive.summary) if row.decisive else "–"))


def _finding(result: CheckResult, finding: Finding, page: _Page) -> list[str]:
    words = page.words
    sign = page.paint(_SIGN[finding.verdict], _COLOR[finding.verdict])
    first, *rest = page.para(words.text(finding.summary), "    ")
    lines = [f"  {sign} {first.lstrip()}", *rest]
    both = compare(finding)
    if both and both.limit and finding.limit:
        said = f"{both.measured}{words('comma')}{words('limit')} {both.asked()} ({finding.limit.source})"
        lines += page.para(said, "    ", words("measured") + words("colon"))
    if finding.where:
        lines += page.para(finding.where, "    ", words("where") + words("colon"))
    for key, text in (("cause", finding.cause), ("fix", finding.fix)):
        if text is not None:
            lines += page.para(words.text(text), "    ", words(key) + words("colon"))
    return lines + [page.paint(each, "2") for each in page.para(result.reproduce, "    ", "$ ")]


def _verdict(report: Report, page: _Page) -> list[str]:
    words = page.words
    tally = words("comma").join(
        f"{count} {words.verdict(verdict)}"
        for verdict, count in counts([each.verdict for each in report.results])
    )
    stands = standing(report)
    gate = words(f"gate_{stands}")
    said = f"{_SIGN[report.verdict]} {words.verdict(report.verdict)}{words('colon')}{gate}"
    lines = [
        page.paint(cut(f"{tally}  ({seconds(report.seconds)})", page.width), "2"),
        page.paint(cut(said, page.width), _COLOR[report.verdict]),
        *page.para(words.text(report.reason), "  "),
    ]
    if stands == "yes":
        following = words("next_yes")
    elif stands == "part":
        following = words("next_part").format(report.command)
    else:
        first = rows(report)[0].result if report.results else None
        again = first.reproduce if first else report.command
        following = words("next_no").format(
            _title(rows(report)[0], words) if first else words("checks"), again
        )
    return lines + page.para(following, "  ", words("next") + words("colon"))
