"""One page for people: self-contained, without a script, under a megabyte, in light, dark and print."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from seatrial.checks._explain import explanation
from seatrial.checks._finding import WORST_FIRST, Chart, Finding, Picture, Table, Verdict
from seatrial.checks._render import _figure, page
from seatrial.checks._render._escape import clipped, one_line, visible
from seatrial.checks._render._rows import counts, rows, standing, urgent_first
from seatrial.checks._render._svg import description, not_drawn, svg, swatch
from seatrial.checks._render._words import Words
from seatrial.checks._render.markdown import baseline_line

if TYPE_CHECKING:
    from seatrial.checks._finding import Evidence
    from seatrial.checks._report import CheckResult, Report

LIMIT = 1_000_000
# A browser breaks a line after a hyphen; `1e-5` is one number.
_EXPONENT = re.compile(r"(?<=\de)-(?=\d)")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class _Budget:
    """How much evidence goes into the page; the rest is in report.json."""

    pictures: int  # bytes of base64 in all
    rows: int  # of one table
    points: int  # of one series
    findings: int  # of one check
    letters: int  # of one text


# The first that fits is taken. An honest run fits the first; the others are for a run with very much to say.
_BUDGETS = (
    _Budget(600_000, 60, 400, 200, 4000),
    _Budget(400_000, 30, 240, 100, 2000),
    _Budget(150_000, 12, 120, 40, 800),
    _Budget(0, 5, 60, 15, 300),
    _Budget(0, 2, 20, 5, 120),
)


def to_html(report: Report, language: str) -> str:
    """The page in one language."""
    words = Words(language)
    made = ""
    for budget in _BUDGETS:
        made = _page(report, words, budget)
        if len(made.encode()) < LIMIT:
            break
    return made


def _page(report: Report, words: Words, budget: _Budget) -> str:
    return page(
        _template(),
        language=words.language,
        generator=one_line(report.seatrial),
        view=_View(report, words, budget),
        report=report,
        w=words,
        rows=rows(report),
        tally=counts([each.verdict for each in report.results]),
        verdicts=WORST_FIRST,
        PASS=Verdict.PASS,
        baseline=baseline_line(report, words),
        environment=_flat(report.environment),
        figure=_figure,
    )


class _View:
    """What the template asks for: pure functions of the report's parts, with one budget."""

    def __init__(self, report: Report, words: Words, budget: _Budget) -> None:
        self._words = words
        self._budget = budget
        self._pictures_left = budget.pictures
        self.stands = standing(report)

    def say(self, text: Any) -> str:
        """A sentence of a check, safe to show."""
        return _EXPONENT.sub("\u2011", clipped(visible(self._words.text(text)), self._budget.letters))

    def show(self, text: Any) -> str:
        """Any other text, safe to show."""
        return clipped(visible(text), self._budget.letters)

    def meaning(self, finding: Finding) -> str:
        """Why the finding matters, whatever this run gave; empty where nobody explained it."""
        found = explanation(finding.id)
        return self._words.text(found.why) if found else ""

    def cell(self, value: Any) -> str:
        """A cell of a table."""
        return clipped(_figure.scalar(value), self._budget.letters)

    def findings(self, result: CheckResult) -> tuple[list[Finding], list[Finding], int]:
        """Those to show in full, those that passed and show in a table, and how many are left out."""
        kept = urgent_first(result.findings)[: self._budget.findings]
        plain = [each for each in kept if each.verdict is Verdict.PASS and not each.evidence]
        return [each for each in kept if each not in plain], plain, len(result.findings) - len(kept)

    def folded(self, result: CheckResult) -> bool:
        """Whether the check's section is closed at first: it has nothing to do and nothing to look at."""
        told = {Verdict.PASS, Verdict.SKIP}
        return result.verdict in told and not any(each.evidence for each in result.findings)

    def evidence(self, finding: Finding, kind: str) -> list[Evidence]:
        """The finding's evidence of one kind."""
        return [each for each in finding.evidence if each.kind == kind]

    def chart(self, chart: Chart) -> Any:
        """The chart as SVG."""
        return svg(chart, self._words, points=self._budget.points)

    def legend(self, chart: Chart) -> list[tuple[Any, str]]:
        """Sign and name of every series, when there are several."""
        if len(chart.series) < 2:
            return []
        return [
            (swatch(place, chart.mark), one_line(each.name, 80)) for place, each in enumerate(chart.series)
        ]

    def left_out_of(self, chart: Chart) -> int:
        """Points without a place on the axes."""
        return not_drawn(chart)

    def about(self, chart: Chart) -> str:
        """The chart in a sentence."""
        return description(chart, self._words)

    def table(self, table: Table) -> tuple[list[tuple[Any, ...]], int]:
        """The rows to show, and how many are left out."""
        kept = list(table.rows[: self._budget.rows])
        return kept, len(table.rows) - len(kept)

    def numeric(self, table: Table) -> list[bool]:
        """For each column, whether it holds numbers only (they stand to the right)."""
        columns = range(len(table.columns))
        return [
            bool(table.rows)
            and all(
                isinstance(row[at], int | float) and not isinstance(row[at], bool)
                for row in table.rows
                if at < len(row) and row[at] is not None
            )
            for at in columns
        ]

    def picture(self, picture: Picture) -> tuple[str, str]:
        """The picture as an address, or an empty one and why it is not shown."""
        encoded = "".join(picture.png_base64.split())
        try:
            if not base64.b64decode(encoded, validate=True).startswith(_PNG):
                return "", self._words("picture_broken")
        except (binascii.Error, ValueError):
            return "", self._words("picture_broken")
        if len(encoded) > self._pictures_left:
            return "", self._words("picture_left_out")
        self._pictures_left -= len(encoded)
        return f"data:image/png;base64,{encoded}", ""


def _flat(environment: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Name and value of everything known of the machine, one line each."""
    lines: list[tuple[str, str]] = []
    for name, value in environment.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name} · ")
        elif name == "memory_bytes":
            lines.append((f"{prefix}memory", _figure.size(value)))
        elif isinstance(value, list | tuple):
            lines.append((f"{prefix}{name}", ", ".join(_figure.scalar(each) for each in value) or "–"))
        else:
            lines.append((f"{prefix}{name}", _figure.scalar(value)))
    return [(visible(name), value) for name, value in lines]


@cache
def _template() -> str:
    return (resources.files("seatrial.checks._render") / "report.html.j2").read_text("utf-8")
