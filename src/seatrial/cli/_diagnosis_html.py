"""A diagnosis as one page: self-contained, without a script, in the report's clothes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from seatrial.checks import page, visible
from seatrial.cli._diagnosis_document import Document, Tried
from seatrial.cli._diagnosis_text import change_name, p_text, stage_name, title_of, word
from seatrial.text import Text

# The report's page has small pictures in many columns; before and after stand side by side here.
_OWN_CSS = """
.pairs { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; max-width: 720px; }
.pairs figure { margin: 0; }
.pairs img { display: block; width: 100%; border-radius: 6px; border: 1px solid var(--line); }
.pairs img { image-rendering: pixelated; background: #fff; }
.pairs figcaption { font-size: 13px; margin-top: 5px; line-height: 1.4; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.panel { padding: 6px 24px 20px; }
.advice.single { grid-template-columns: 1fr; }
.differs { color: var(--FAIL); font-weight: 600; } .same { color: var(--PASS); font-weight: 600; }
"""
# A browser breaks a line after a hyphen; `1e-9` is one number.
_EXPONENT = re.compile(r"(?<=\de)-(?=\d)")
_MARKS = {"agree": "PASS", "cause": "FAIL"}


def to_html(document: Document, *, language: str) -> str:
    """The page in one language."""
    return page(
        _template(),
        css=_OWN_CSS,
        generator=document.seatrial,
        d=document,
        language=language,
        say=lambda text: _shown(text, language),
        w=lambda name: word(name, language),
        stage=lambda name: stage_name(name, language),
        rows=_rows(document.attempts, language),
        also=_rows(document.proof.also, language) if document.proof else [],
        mark=_MARKS.get(document.verdict, "INCONCLUSIVE"),
    )


def _shown(text: Text | str, language: str) -> str:
    said = visible(text.in_language(language) if isinstance(text, Text) else str(text))
    return _EXPONENT.sub("\u2011", said)


def _rows(attempts: Sequence[Tried], language: str) -> list[tuple[str, ...]]:
    return [
        (
            visible(title_of(each, language)),
            visible(change_name(each)),
            visible(" ".join(change.said.in_language(language) for change in each.changes)),
            f"{each.before:.1%}",
            f"{each.after:.1%}",
            f"{each.closer_before:.3f}",
            f"{each.closer:.3f}",
            p_text(each.p_value, language),
        )
        for each in attempts
    ]


@cache
def _template() -> str:
    return (resources.files("seatrial.cli") / "_diagnosis.html.j2").read_text("utf-8")
