"""The self-test as Markdown, for a pull request or a page of documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seatrial.checks import one_line
from seatrial.selftest.result import FaultRow, GoodRow, SelfTest, Status
from seatrial.selftest.words import Words, again, titles


def to_markdown(found: SelfTest, language: str) -> str:
    """The page in one language."""
    words = Words(language)
    parts = [
        f"# {words('document')}{'：' if language == 'zh' else ': '}{_cell(words.headline(found))}",
        "\n".join(
            (
                f"- **{words('score')}**: {words.scored(found)}",
                f"- **{words('behavior')}**: {words.behaved(found)}",
                f"- **{words('alarms')}**: {words.alarmed(found)}",
            )
        ),
        _identity(found, words),
        *_open(found, words),
        *_faults(found, words),
        *_checks(found, words),
        *_good(found, words),
        *_listed(words("equivalents"), _why(found, words, equivalent=True), words),
        *_listed(words("inapplicable"), _why(found, words, equivalent=False), words),
        "\n".join(f"- {_cell(each)}" for each in words.remarks(found)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _identity(found: SelfTest, words: Words) -> str:
    model = found.model
    return (
        f"{words('model')} {_cell(model.get('name', ''))} "
        f"({_cell(model.get('digest', ''))[:19]}, {_cell(model.get('format', ''))}), "
        f"{words('profile')} {_cell(found.profile)}, {words('seed')} {found.seed}, "
        f"{words('took')} {found.seconds:.0f} s"
    )


def _faults(found: SelfTest, words: Words) -> Iterator[str]:
    rows = [each for each in found.faults if each.applicable]
    if not rows:
        return
    names = titles(found, words)
    yield f"## {words('faults')}"
    yield _table(
        ("", words("fault"), words("kind"), words("status"), words("first"), words("said"), words("time")),
        [
            (
                row.number,
                words.text(row.title),
                words.kind(row.kind),
                words.status(row),
                words.by(row, names),
                words.text(row.said) or row.why,
                f"{row.seconds:.1f} s",
            )
            for row in rows
        ],
    )


def _checks(found: SelfTest, words: Words) -> Iterator[str]:
    if not found.scores.applicable:
        return
    yield f"## {words('checks')}"
    heads = ("check", "kills", "unique", "digests", "asked", "median")
    yield _table(
        tuple(words(each) for each in heads),
        [
            (
                words.text(each.title),
                str(each.kills),
                "–" if each.unique is None else str(each.unique),
                str(each.digests),
                str(each.asked),
                f"{each.seconds:.2f} s",
            )
            for each in found.scores.checks
        ],
    )


def good_by_variant(rows: Sequence[GoodRow]) -> list[tuple[GoodRow, int, int]]:
    """A row of each variant that was tried, how often it was, and how often it was refused."""
    tried = [each for each in rows if each.status in ("passed", "refused")]
    kept: dict[str, list[GoodRow]] = {}
    for each in tried:
        kept.setdefault(each.variant, []).append(each)
    return [
        (group[0], len(group), sum(each.status == "refused" for each in group)) for group in kept.values()
    ]


def _good(found: SelfTest, words: Words) -> Iterator[str]:
    groups = good_by_variant(found.good)
    if not groups:
        return
    yield f"## {words('good')}"
    yield _table(
        (words("variant"), words("runs"), words("refused")),
        [(words.text(row.title), str(runs), str(refused)) for row, runs, refused in groups],
    )
    for row in found.good:
        if row.status in ("refused", "error"):
            yield f"- {words.text(row.title)} ({words('seed')} {row.seed}): {_cell(words.text(row.why))}"


def _open(found: SelfTest, words: Words) -> Iterator[str]:
    missed = [each for each in found.faults if each.status is Status.MISSED]
    if missed:
        yield f"## {words('missed')}"
        yield "\n".join(
            f"- **{_cell(words.text(row.title))}** (`{row.name}`): {words.advice(row, found)}"
            for row in missed
        )
        yield f"```sh\n{one_line(again(missed[0], found))}\n```"
    broke = [each for each in found.faults if each.status is Status.ERROR]
    yield from _listed(words("errors"), [(row, row.why) for row in broke], words)


def _why(found: SelfTest, words: Words, *, equivalent: bool) -> list[tuple[FaultRow, str]]:
    if equivalent:
        return [
            (row, words.text(row.equivalent))
            for row in found.faults
            if row.applicable and row.equivalent is not None
        ]
    return [(row, row.why) for row in found.faults if not row.applicable]


def _listed(head: str, rows: Sequence[tuple[FaultRow, str]], words: Words) -> Iterator[str]:
    if rows:
        yield f"## {head}"
        yield "\n".join(f"- {_cell(words.text(row.title))} (`{row.name}`): {_cell(why)}" for row, why in rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(each) for each in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: object) -> str:
    return (
        one_line(text, 400).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    )
