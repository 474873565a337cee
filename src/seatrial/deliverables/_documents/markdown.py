"""A document as Markdown; what came from outside cannot act in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

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

_ACTIVE = re.compile(r"[\\`*\[\]<>|$~{}]|&(?=#|[A-Za-z])|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_BEGINS = re.compile(r"^(\s*)([-+#=]|\d+[.)])(?=\s|$)")
_BADGES = {"PASS": "✓", "WARN": "△", "FAIL": "✗", "ERROR": "✗", "SKIP": "–"}


def to_markdown(page: Page) -> str:
    """The text of one document."""
    parts = [f"# {inline(page.release)}{'：' if page.language == 'zh' else ': '}{page.title}"]
    if page.lead:
        parts.append(inline(page.lead))
    for block in page.blocks:
        parts += _block(block)
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield "#" * block.level + " " + inline(block.line)
    elif isinstance(block, Paragraph):
        yield inline(block.line)
    elif isinstance(block, Callout):
        yield f"> {inline(block.line)}"
    elif isinstance(block, Bullets):
        marks = (f"{place}." if block.ordered else "-" for place in range(1, len(block.lines) + 1))
        yield "\n".join(f"{mark} {inline(each)}" for mark, each in zip(marks, block.lines, strict=True))
    elif isinstance(block, Listing):
        fence = "`" * max(3, 1 + max((len(each) for each in re.findall(r"`+", block.text)), default=0))
        yield f"{fence}{block.language}\n{block.text}\n{fence}"
    elif isinstance(block, Cards):
        yield "\n".join(
            f"- {inline(label)}: **{inline(figure).strip()}**" + (f" ({inline(rest)})" if rest else "")
            for label, figure, rest in block.cards
        )
    else:
        yield from _grid(block)


def _grid(grid: Grid) -> Iterator[str]:
    if grid.caption:
        yield f"**{inline(grid.caption)}**"
    rows = [[escaped(each) for each in grid.heads], ["---"] * len(grid.heads)]
    rows += [[inline(cell) or " " for cell in row] for row in grid.rows]
    yield "\n".join("| " + " | ".join(row) + " |" for row in rows)


def inline(line: Line) -> str:
    """One line."""
    text = "".join(_piece(each) for each in line)
    return _BEGINS.sub(r"\1\\\2", text)


def _piece(piece: Inline) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Code):
        return _code(piece.text)
    if isinstance(piece, Strong):
        return f"**{piece.text}**"
    if isinstance(piece, Link):
        return f"[{escaped(piece.text)}]({piece.target})"
    if isinstance(piece, Badge):
        return f"{_BADGES.get(piece.verdict, '?')} {piece.text}"
    return _code(piece.text) if piece.code else escaped(piece.text)


def _code(text: str) -> str:
    longest = max((len(each) for each in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text.replace('|', chr(92) + '|')}{room}{fence}"


def escaped(text: str) -> str:
    """Text that means itself."""
    return _ACTIVE.sub(r"\\\g<0>", " ".join(text.split()) if "\n" in text else text)
