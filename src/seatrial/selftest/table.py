"""The self-test on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seatrial.checks import one_line, padded
from seatrial.checks import width as columns
from seatrial.selftest.result import FaultRow, SelfTest, Status
from seatrial.selftest.words import Words, again, titles

_SIGNS = {Status.CAUGHT: "✓", Status.MISSED: "✗", Status.NOT_APPLICABLE: "–", Status.ERROR: "!"}
_COLORS = {Status.CAUGHT: "32", Status.MISSED: "31;1", Status.NOT_APPLICABLE: "2", Status.ERROR: "35;1"}


def to_terminal(found: SelfTest, language: str, *, color: bool = False, width: int = 110) -> str:
    """The table, the scores and what to do, as text.

    Args:
        found: The self-test.
        language: `en` or `zh`.
        color: With ANSI colors.
        width: Columns.
    """
    words = Words(language)
    lines = [f"Seatrial · {words('document')}", _subject(found, words), ""]
    lines += _faults(found, words, color=color, width=width)
    lines += _scores(found, words)
    lines += _checks(found, words)
    lines += _good(found, words)
    lines += _open(found, words, color=color)
    return "\n".join(lines)


def _subject(found: SelfTest, words: Words) -> str:
    model = found.model
    parts = [
        one_line(model.get("name", "")),
        one_line(model.get("digest", ""))[:19],
        one_line(model.get("format", "")),
        f"{words('profile')} {one_line(found.profile)}",
        f"{words('seed')} {found.seed}",
    ]
    return "  ".join(parts)


def _faults(found: SelfTest, words: Words, *, color: bool, width: int) -> Iterator[str]:
    rows = [each for each in found.faults if each.applicable]
    if not rows:
        return
    names = titles(found, words)
    cells = [
        (
            words.text(row.title),
            f"{_SIGNS[row.status]} {words.status(row)}",
            words.by(row, names) or one_line(row.why, 40),
            f"{row.seconds:.1f} s" if row.seconds else "",
        )
        for row in rows
    ]
    heads = (words("fault"), words("status"), words("first"), words("time"))
    last = [max(columns(each[at]) for each in [heads, *cells]) for at in range(4)]
    room = max(20, width - sum(last[1:]) - 6)
    widths = [min(last[0], room), *last[1:]]
    yield _line(heads, widths)
    yield "─" * min(width, sum(widths) + 6)
    for row, line in zip(rows, cells, strict=True):
        text = _line(line, widths)
        yield (
            f"\x1b[{_COLORS[row.status]}m{text}\x1b[0m" if color and row.status is not Status.CAUGHT else text
        )
    yield ""


def _scores(found: SelfTest, words: Words) -> Iterator[str]:
    yield f"{words.headline(found)}"
    yield f"  {padded(words('score'), 22)}{words.scored(found)}"
    yield f"  {padded(words('behavior'), 22)}{words.behaved(found)}"
    yield f"  {padded(words('alarms'), 22)}{words.alarmed(found)}"
    yield ""


def _checks(found: SelfTest, words: Words) -> Iterator[str]:
    if not found.scores.applicable:
        return
    heads = ("check", "kills", "unique", "digests", "asked", "median")
    rows = [tuple(words(each) for each in heads)]
    for each in found.scores.checks:
        unique = "–" if each.unique is None else str(each.unique)
        figures = (str(each.kills), unique, str(each.digests), str(each.asked), f"{each.seconds:.2f} s")
        rows.append((words.text(each.title), *figures))
    widths = [max(columns(row[at]) for row in rows) for at in range(len(heads))]
    yield words("checks")
    for row in rows:
        yield "  " + "  ".join(padded(cell, widths[at], right=at > 0) for at, cell in enumerate(row))
    yield ""


def _good(found: SelfTest, words: Words) -> Iterator[str]:
    for row in found.good:
        if row.status in ("refused", "error"):
            sign = "✗" if row.status == "refused" else "!"
            yield f"{sign} {words.text(row.title)} ({words('seed')} {row.seed}): {words.text(row.why)}"


def _open(found: SelfTest, words: Words, *, color: bool) -> Iterator[str]:
    missed = [each for each in found.faults if each.status is Status.MISSED]
    broke = [each for each in found.faults if each.status is Status.ERROR]
    equivalent = [each for each in found.faults if each.applicable and each.equivalent is not None]
    out = [each for each in found.faults if not each.applicable]
    red = ("\x1b[31;1m", "\x1b[0m") if color else ("", "")
    if missed:
        yield words("missed")
        for row in missed:
            yield f"  {red[0]}✗ {words.text(row.title)}{red[1]}  [{row.name}]"
            yield f"    {words.advice(row, found)}"
        yield f"    $ {again(missed[0], found)}"
        yield ""
    yield from _listed(words("errors"), [(row, one_line(row.why, 300)) for row in broke], words)
    yield from _listed(words("equivalents"), [(row, words.text(row.equivalent)) for row in equivalent], words)
    if out:
        yield f"  {words.aside(len(out))}"
    for remark in words.remarks(found):
        yield f"  {remark}"


def _listed(head: str, rows: Sequence[tuple[FaultRow, str]], words: Words) -> Iterator[str]:
    if rows:
        yield head
        for row, why in rows:
            yield f"  {words.text(row.title)} [{row.name}]: {why}"
        yield ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(padded(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()
