"""The self-test as one page: self-contained, without a script, in light, dark and print."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from itertools import groupby

import jinja2

from seatrial.checks import one_line, stylesheet
from seatrial.selftest.markdown import good_by_variant
from seatrial.selftest.result import FaultRow, Mark, SelfTest, Status
from seatrial.selftest.words import Words, again, titles


def to_html(found: SelfTest, language: str) -> str:
    """The page in one language."""
    words = Words(language)
    css = stylesheet() + _asset("selftest.css")
    rows = [each for each in found.faults if each.applicable]
    equivalent = [(each, words.text(each.equivalent)) for each in rows if each.equivalent is not None]
    outside = [(each, each.why) for each in found.faults if not each.applicable]
    return _template().render(
        found=found,
        w=words,
        show=one_line,
        again=again,
        mark_of=_mark,
        css=css,
        style_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        titles=titles(found, words),
        marks=tuple(Mark),
        groups=[(kind, list(each)) for kind, each in groupby(rows, key=lambda row: row.kind)],
        missed=[each for each in rows if each.status is Status.MISSED],
        errors=[each for each in rows if each.status is Status.ERROR],
        good=good_by_variant(found.good),
        remarks=words.remarks(found),
        lists=(
            (words("equivalents"), words("equivalents_about"), equivalent),
            (words("inapplicable"), "", outside),
        ),
    )


def _mark(row: FaultRow, check: str) -> Mark:
    return row.marks.get(check, Mark.NOT_ASKED)


def _asset(name: str) -> str:
    return (resources.files("seatrial.selftest") / name).read_text("utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_asset("selftest.html.j2"))
