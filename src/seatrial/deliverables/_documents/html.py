"""A document as one page: self-contained, no script, each number with the place it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from seatrial.checks import stylesheet
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
from seatrial.deliverables._documents.trace import Figure

_TITLES = {
    "model-card": ("Model card", "模型卡"),
    "technical": ("Technical document", "技术文档"),
    "guide": ("User guide", "使用指南"),
    "troubleshooting": ("Troubleshooting", "故障排查"),
    "versions": ("Version notes", "版本说明"),
}

_HEADINGS = {2: Markup('<h2 id="{}">{}</h2>'), 3: Markup('<h3 id="{}">{}</h3>')}


def to_html(page: Page) -> str:
    """The page of one document."""
    place = 1 if page.language == "zh" else 0
    links = [(f"{kind}.html", titles[place], kind == page.kind) for kind, titles in _TITLES.items()]
    return _template().render(
        page=page,
        style=stylesheet() + _style(),
        release=inline(page.release),
        plain_release="".join(each if isinstance(each, str) else each.text for each in page.release),
        lead=inline(page.lead),
        verdict=inline((page.verdict,)),
        body=[_block(each) for each in page.blocks],
        contents=[
            (each.anchor, inline(each.line))
            for each in page.blocks
            if isinstance(each, Heading) and each.level == 2
        ],
        links=links,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("seatrial.deliverables._documents", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


@cache
def _style() -> str:
    return (resources.files(__package__) / "page.css").read_text("utf-8")


def _block(block: Block) -> Markup:
    """One block; what is put into the fixed strings is escaped by them."""
    if isinstance(block, Heading):
        return _HEADINGS[block.level].format(block.anchor, inline(block.line))
    if isinstance(block, Paragraph):
        return Markup('<p class="{}">{}</p>').format("note" if block.note else "text", inline(block.line))
    if isinstance(block, Callout):
        return Markup('<p class="callout {}">{}</p>').format(block.kind, inline(block.line))
    if isinstance(block, Bullets):
        items = _all("<li>{}</li>", [(inline(each),) for each in block.lines])
        form = '<ol class="items">{}</ol>' if block.ordered else '<ul class="items">{}</ul>'
        return Markup(form).format(items)  # noqa: S704 - one of two fixed strings
    if isinstance(block, Listing):
        said = Markup(' data-source="{}"').format(block.source) if block.source else ""
        return Markup('<pre tabindex="0" class="lang-{}"{}><code>{}</code></pre>').format(
            block.language, said, block.text
        )
    if isinstance(block, Cards):
        cards = _all(
            "<div><dt>{}</dt><dd><b>{}</b><span>{}</span></dd></div>",
            [tuple(inline(each) for each in card) for card in block.cards],
        )
        return Markup('<dl class="cards">{}</dl>').format(cards)
    return _grid(block)


def _grid(grid: Grid) -> Markup:
    numeric = [all(_is_number(row[place]) for row in grid.rows) for place in range(len(grid.heads))]
    marks = [Markup(' class="num"') if each else "" for each in numeric]
    caption = Markup("<caption>{}</caption>").format(inline(grid.caption)) if grid.caption else ""
    heads = _all('<th scope="col"{}>{}</th>', list(zip(marks, grid.heads, strict=True)))
    rows = [
        (_all("<td{}>{}</td>", [(mark, inline(cell)) for mark, cell in zip(marks, row, strict=True)]),)
        for row in grid.rows
    ]
    return Markup(
        '<div class="scroll" tabindex="0"><table class="data">{}<thead><tr>{}</tr></thead>'
        "<tbody>\n{}</tbody></table></div>"
    ).format(caption, heads, _all("<tr>{}</tr>\n", rows))


def _all(form: str, items: Sequence[tuple[str, ...]]) -> Markup:
    """The same form filled with each item."""
    fixed = Markup(form)  # noqa: S704 - only called with fixed strings
    return Markup("").join(fixed.format(*each) for each in items)


def _is_number(cell: Line) -> bool:
    """Whether a cell is one number, or the dash that stands for none."""
    return cell == ("–",) or (len(cell) == 1 and isinstance(cell[0], Figure) and not cell[0].wide)


def inline(line: Line) -> Markup:
    """One line."""
    return Markup("").join(_piece(each) for each in line)


def _piece(piece: Inline) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Code):
        return Markup("<code>{}</code>").format(piece.text)
    if isinstance(piece, Strong):
        return Markup("<strong>{}</strong>").format(piece.text)
    if isinstance(piece, Link):
        return Markup('<a href="{}">{}</a>').format(piece.target, piece.text)
    if isinstance(piece, Badge):
        return Markup('<span class="badge v-{}" data-source="{}">{}</span>').format(
            piece.verdict, piece.source, piece.text
        )
    inner = Markup("<code>{}</code>").format(piece.text) if piece.code else piece.text
    if piece.value is None:
        return Markup('<span data-source="{0}" title="{0}">{1}</span>').format(piece.source, inner)
    return Markup('<data value="{0}" data-source="{1}" title="{1}">{2}</data>').format(
        piece.value, piece.source, inner
    )
