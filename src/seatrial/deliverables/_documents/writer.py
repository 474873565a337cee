"""Writes a document: our own sentences in two languages, with facts put into them."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any, Literal

from seatrial.checks import one_line
from seatrial.deliverables._documents.blocks import (
    Badge,
    Block,
    Bullets,
    Callout,
    Cards,
    Code,
    Grid,
    Heading,
    Inline,
    Line,
    Link,
    Listing,
    Page,
    Paragraph,
    Strong,
)
from seatrial.deliverables._documents.trace import Facts, Figure, Kind, source

REPORT = "report/report.json"
CONTRACT = "contract.yaml"
MANIFEST = "manifest.json"
VECTORS = "samples/vectors.json"

# Digits that are part of a name, not a number: nothing else of the kind stands in our own sentences.
TERMS = re.compile(r"SHA-256|UTF-8|\bv2\b|95 ?%|\btop-?1\b|\bP(?:50|90|99)\b|C\+\+17|Java 17|\b1/s")
_MARKS = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)]+)\)")
_VERDICTS = {
    "PASS": ("Pass", "通过"),
    "WARN": ("Warning", "警告"),
    "FAIL": ("Fail", "不通过"),
    "ERROR": ("Error", "出错"),
    "SKIP": ("Skipped", "跳过"),
    "NOT_EXERCISED": ("Not exercised", "未真正运行"),
    "INCONCLUSIVE": ("Inconclusive", "无法判定"),
}


class Writer:
    """Collects the blocks of one document in one language.

    Args:
        facts: What may be said.
        language: `en` or `zh`.
    """

    def __init__(self, facts: Facts, language: str) -> None:
        self.facts = facts
        self.language = language
        self.blocks: list[Block] = []

    # -- facts ---------------------------------------------------------------------------------------------
    def fact(self, file: str, *parts: str | int, kind: Kind = "plain", code: bool = False) -> Figure:
        """A value with its source."""
        return self.facts.figure(file, *parts, kind=kind, code=code)

    def report(self, *parts: str | int, kind: Kind = "plain", code: bool = False) -> Figure:
        """A value of the report."""
        return self.fact(REPORT, *parts, kind=kind, code=code)

    def key(self, file: str, *parts: str | int, code: bool = True) -> Figure:
        """The name of what lies at a place: of a package, an operator, a metric."""
        self.facts.raw(file, *parts)
        return Figure(one_line(parts[-1], 120), source(file, *parts), None, code, wide=True)

    def quoted(self, text: str, file: str, *parts: str | int, code: bool = False) -> Figure:
        """Text that was worked out from what lies at a place."""
        self.facts.raw(file, *parts)
        return Figure(one_line(text, 400), source(file, *parts), None, code, wide=True)

    def count(self, file: str, *parts: str | int) -> Figure:
        """How many there are in a list."""
        return Figure(f"{len(self.facts.raw(file, *parts)):,}", source(file, *parts))

    def said(self, file: str, *parts: str | int) -> Figure:
        """A sentence that is there in both languages."""
        text = self.facts.raw(file, *parts) or {}
        chosen = self.language if text.get(self.language) else "en"
        return self.fact(file, *parts, chosen)

    def badge(self, file: str, *parts: str | int) -> Badge:
        """A verdict."""
        verdict = str(self.facts.raw(file, *parts))
        return Badge(self.word(*_VERDICTS.get(verdict, (verdict, verdict))), verdict, source(file, *parts))

    # -- words ---------------------------------------------------------------------------------------------
    def word(self, en: str, zh: str) -> str:
        """Our own words without facts.

        Raises:
            ValueError: There is a number in them that has no source.
        """
        text = zh if self.language == "zh" else en
        _no_number(text)
        return text

    def line(self, en: str, zh: str, **fields: Inline | Line) -> Line:
        """A sentence with facts in it, `{name}` each; `code`, **strong** and [links](to) are marked so.

        Raises:
            ValueError: There is a number in it that has no source.
        """
        made: list[Inline] = []
        for literal, name, _, _ in string.Formatter().parse(zh if self.language == "zh" else en):
            made += _inline(literal)
            if name is not None:
                value = fields[name]
                made += value if isinstance(value, tuple) else (value,)
        return tuple(made)

    # -- blocks --------------------------------------------------------------------------------------------
    def heading(self, en: str, zh: str, *, level: int = 2, fact: Figure | None = None) -> None:
        """A heading; its anchor is the English one, the same in both languages."""
        anchor = re.sub(r"[^a-z]+", "-", (fact.source if fact else en).lower()).strip("-")
        line: Line = (self.word(en, zh),) if fact is None else (fact,)
        self.blocks.append(Heading(level, line, anchor))

    def text(self, en: str, zh: str, **fields: Inline | Line) -> None:
        """A paragraph."""
        self.blocks.append(Paragraph(self.line(en, zh, **fields)))

    def note(self, en: str, zh: str, **fields: Inline | Line) -> None:
        """A small paragraph."""
        self.blocks.append(Paragraph(self.line(en, zh, **fields), note=True))

    def callout(
        self, kind: Literal["note", "warn", "stop"], en: str, zh: str, **fields: Inline | Line
    ) -> None:
        """Something to be seen."""
        self.blocks.append(Callout(kind, self.line(en, zh, **fields)))

    def bullets(self, lines: Sequence[Line], *, ordered: bool = False) -> None:
        """A list, when there is something in it."""
        if lines:
            self.blocks.append(Bullets(tuple(lines), ordered))

    def grid(
        self, heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], caption: Line = ()
    ) -> None:
        """A table, when there is something in it; cells are lines, or one piece of a line."""
        if rows:
            made = tuple(tuple(cell if isinstance(cell, tuple) else (cell,) for cell in row) for row in rows)
            self.blocks.append(Grid(caption, tuple(self.word(*each) for each in heads), made))

    def listing(self, text: str, language: str = "sh", *, source: str = "") -> None:
        """Lines to type, or an answer."""
        self.blocks.append(Listing(text.strip("\n"), language, source))

    def cards(self, cards: Sequence[tuple[Line, Line, Line]]) -> None:
        """Figures side by side."""
        if cards:
            self.blocks.append(Cards(tuple(cards)))

    def page(self, kind: str, title: tuple[str, str], lead: Line) -> Page:
        """The document."""
        release = (self.fact(MANIFEST, "name"), " ", self.fact(MANIFEST, "version"))
        verdict = self.badge(REPORT, "verdict")
        return Page(kind, self.language, self.word(*title), release, lead, verdict, tuple(self.blocks))


def _inline(text: str) -> list[Inline]:
    made: list[Inline] = []
    at = 0
    for mark in _MARKS.finditer(text):
        made.append(_no_number(text[at : mark.start()]))
        code, strong, label, target = mark.groups()
        if code:
            made.append(Code(code))
        elif strong:
            made.append(Strong(_no_number(strong)))
        else:
            made.append(Link(_no_number(label), target))
        at = mark.end()
    made.append(_no_number(text[at:]))
    return [each for each in made if each != ""]


def _no_number(text: str) -> str:
    if any(each.isdigit() for each in TERMS.sub("", text)):
        raise ValueError(f"there is a number without a source in: {text}")
    return text
