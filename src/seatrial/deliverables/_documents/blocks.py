"""What documents are made of, before they are Markdown or a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from seatrial.deliverables._documents.trace import Figure


@dataclass(frozen=True)
class Code:
    """A command, a file, a name: shown as it is typed."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Words that matter."""

    text: str


@dataclass(frozen=True)
class Link:
    """Words that lead to another file of the bundle."""

    text: str
    target: str


@dataclass(frozen=True)
class Badge:
    """A verdict, in words and color."""

    text: str
    verdict: str
    source: str


Inline = str | Figure | Code | Strong | Link | Badge
Line = tuple[Inline, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; `anchor` is its place in the page."""

    level: int
    line: Line
    anchor: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a `note` is small."""

    line: Line
    note: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list, with numbers when the order matters."""

    lines: tuple[Line, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Grid:
    """A table: a caption, heads, and rows as wide as those."""

    caption: Line
    heads: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Listing:
    """Lines to type, or what is answered; `source` says where an answer comes from."""

    text: str
    language: str
    source: str = ""


@dataclass(frozen=True)
class Callout:
    """Something to be seen: `note`, `warn` or `stop`."""

    kind: Literal["note", "warn", "stop"]
    line: Line


@dataclass(frozen=True)
class Cards:
    """The figures that one wants to see first: (label, figure, what else), side by side."""

    cards: tuple[tuple[Line, Line, Line], ...]


Block = Heading | Paragraph | Bullets | Grid | Listing | Callout | Cards


@dataclass(frozen=True)
class Page:
    """One document in one language.

    Attributes:
        kind: `technical`, `guide`...
        language: `en` or `zh`.
        title: What it is.
        release: `name version`.
        lead: What it is for, under the title.
        verdict: Of the gate.
        blocks: The rest.
    """

    kind: str
    language: str
    title: str
    release: Line
    lead: Line
    verdict: Badge
    blocks: tuple[Block, ...]


def lines_of(block: Block) -> Iterator[Line]:
    """Every line of a block."""
    if isinstance(block, Heading | Paragraph | Callout):
        yield block.line
    elif isinstance(block, Bullets):
        yield from block.lines
    elif isinstance(block, Cards):
        for card in block.cards:
            yield from card
    elif isinstance(block, Grid):
        yield block.caption
        for row in block.rows:
            yield from row
