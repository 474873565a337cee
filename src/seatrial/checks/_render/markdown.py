"""Markdown for a merge request: the verdict, the table, what failed, and the rest folded away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks._finding import Finding, Table, Verdict
from seatrial.checks._render._escape import clipped, one_line, visible
from seatrial.checks._render._figure import compare, scalar, short_digest, took
from seatrial.checks._render._rows import Row, counts, failures, rows, standing
from seatrial.checks._render._words import Words

if TYPE_CHECKING:
    from seatrial.checks._report import CheckResult, Report

SIGNS = {
    Verdict.PASS: "✅",
    Verdict.WARN: "⚠️",
    Verdict.FAIL: "❌",
    Verdict.ERROR: "💥",
    Verdict.SKIP: "⏭️",
    Verdict.NOT_EXERCISED: "🚫",
    Verdict.INCONCLUSIVE: "❔",
}
TOP = 5
_LONG = 400
_SPECIAL = re.compile(r"([\\*_\[\]|~$])")
_STARTS_A_BLOCK = re.compile(r"^([-+=:](?!\d)|\d+[.)](?=\s|$))")
# A backslash does not stop `@name`, `#1`, `!1` and `%1` from reaching people and things, nor every reader
# from pairing a backtick with the one of a code behind it; a character reference does.
_REFERENCES = {"@": "&#64;", "#": "&#35;", "!": "&#33;", "%": "&#37;", "`": "&#96;"}
_REFERENCE = re.compile(r"[@#!%](?=\S)|://|`")


def to_markdown(report: Report, language: str) -> str:
    """The report as a comment on a merge request, well under the length such comments may have."""
    words = Words(language)
    gate = words(f"gate_{standing(report)}")
    verdict = f"{SIGNS[report.verdict]} {words.verdict(report.verdict)}"
    parts = [
        f"## {verdict}: {gate}",
        _text(words.text(report.reason)),
        _subject(report, words),
        _table(report, words),
    ]
    urgent = failures(report)
    if urgent:
        parts.append(f"### {words('top_findings')}")
        parts += [_finding(result, finding, words) for result, finding in urgent[:TOP]]
        if len(urgent) > TOP:
            parts.append(_text(words("more").format(len(urgent) - TOP)))
    parts += [
        _folded(words("controls"), _controls(report, words)),
        _folded(words("digests"), _digests(report, words)),
    ]
    parts.append(f"<sub>{_text(words('generated').format(report.seatrial))}</sub>")
    return "\n\n".join(parts) + "\n"


def _subject(report: Report, words: Words) -> str:
    model = (
        f"**{_text(report.model.get('name', ''))}** {_code(short_digest(report.subject.get('model', '')))}"
    )
    tally = " · ".join(
        f"{SIGNS[verdict]} {count} {words.verdict(verdict)}"
        for verdict, count in counts([each.verdict for each in report.results])
    )
    profile = f"{_text(report.profile)} ({_text(words.known(report.tier))})"
    baseline = _text(baseline_line(report, words))
    return "  \n".join(
        [
            f"{words('model')}: {model} · {words('profile')}: {profile}",
            f"{words('baseline')}: {baseline}",
            tally,
        ]
    )


def baseline_line(report: Report, words: Words) -> str:
    """Which baseline was used, and who accepted it when."""
    kept = report.baseline
    if not kept:
        return words("no_baseline")
    when = one_line(kept.get("accepted_at", ""))[:10]
    return f"{one_line(kept.get('name', ''))}, " + words("accepted").format(
        one_line(kept.get("accepted_by", "")), when
    )


def _table(report: Report, words: Words) -> str:
    heads = [words(key) for key in ("status", "check", "measured", "limit", "examined", "time")]
    lines = [_cells(heads), _cells(["---"] * 4 + ["---:"] * 2)]
    return "\n".join(lines + [_cells(_row(row, words)) for row in rows(report)])


def _row(row: Row, words: Words) -> list[str]:
    result, both = row.result, row.comparison
    return [
        f"{SIGNS[result.verdict]}&nbsp;{words.verdict(result.verdict)}",
        _text(words.text(result.title) or result.name),
        _text(both.measured) if both else "–",
        _text(both.asked()) if both and both.limit else "–",
        _text(scalar(result.examined)),
        _text(took(result, words)),
    ]


def _finding(result: CheckResult, finding: Finding, words: Words) -> str:
    lines = [f"{SIGNS[finding.verdict]} **{_text(words.text(finding.summary))}** {_code(finding.id)}"]
    both = compare(finding)
    if both and both.limit and finding.limit:
        source = _text(finding.limit.source)
        lines.append(
            f"{words('measured')}: {_text(both.measured)} · {words('limit')}: {_text(both.limit)} ({source})"
        )
    if finding.where:
        lines.append(f"{words('where')}: {_code(finding.where)}")
    for key, text in (("cause", finding.cause), ("fix", finding.fix)):
        if text is not None:
            lines.append(f"**{words(key)}:** {_text(words.text(text))}")
    lines[1:] = [f"  {each}" for each in lines[1:]]
    said = "- " + "  \n".join(lines)
    tables = [each for each in finding.evidence if isinstance(each, Table)]
    inside = [_evidence(each, words) for each in tables[:1]] + [_fenced(result.reproduce)]
    return f"{said}\n\n" + _folded(f"{words('details')}: {one_line(finding.id)}", "\n\n".join(inside))


def _evidence(table: Table, words: Words) -> str:
    lines = [f"**{_text(words.text(table.title))}**", ""]
    lines += [_cells([_text(each) for each in table.columns]), _cells(["---"] * len(table.columns))]
    lines += [_cells([_text(scalar(each)) for each in row]) for row in table.rows[:TOP]]
    if len(table.rows) > TOP:
        lines += ["", _text(words("rows_more").format(len(table.rows) - TOP))]
    return "\n".join(lines)


def _controls(report: Report, words: Words) -> str:
    lines = [_cells([words("check"), words("answer"), words("poisoned")]), _cells(["---"] * 3)]
    for row in sorted(rows(report), key=lambda each: each.result.order):
        control = row.result.control
        said = words.text(control.summary) if control else row.result.error.partition("\n")[0]
        lines.append(_cells([_text(row.result.name), words(f"control_{row.control}"), _text(said)]))
    return "\n".join(lines)


def _digests(report: Report, words: Words) -> str:
    lines = [f"- {_text(words.known(key))}: {_code(value)}" for key, value in sorted(report.subject.items())]
    return "\n".join([*lines, "", _fenced(report.command)])


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{_text(title)}</summary>\n\n{inside}\n\n</details>"


def _cells(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(text: object) -> str:
    """Text that is only text: no markup, no HTML, no mention of a person or an issue."""
    line = one_line(text, _LONG).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _REFERENCE.sub(lambda found: _REFERENCES.get(found[0], "&#58;//"), line)
    return _STARTS_A_BLOCK.sub(r"&#8203;\1", _SPECIAL.sub(r"\\\1", line))


def _code(text: object) -> str:
    line = one_line(text, _LONG).replace("`", "ʼ").replace("|", "¦")
    return f"`{line or ' '}`"


def _fenced(command: str) -> str:
    body = clipped(visible(command), 10 * _LONG)
    longest = max([2, *(len(each) for each in re.findall("`+", body))])
    fence = "`" * (longest + 1)
    return f"{fence}sh\n{body}\n{fence}"
