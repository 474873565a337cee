"""The self-test as one page: self-contained, without a script, in light, dark and print."""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import groupby

from seatrial.checks import one_line, page
from seatrial.selftest.markdown import good_by_variant
from seatrial.selftest.result import FaultRow, Mark, SelfTest, Status
from seatrial.selftest.words import Words, again, titles


def to_html(found: SelfTest, language: str) -> str:
    """The page in one language."""
    words = Words(language)
    rows = [each for each in found.faults if each.applicable]
    equivalent = [(each, words.text(each.equivalent)) for each in rows if each.equivalent is not None]
    outside = [(each, each.why) for each in found.faults if not each.applicable]
    return page(
        _asset("selftest.html.j2"),
        css=_asset("selftest.css"),
        language=language,
        generator=one_line(found.seatrial),
        found=found,
        w=words,
        show=one_line,
        again=again,
        mark_of=_mark,
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


@cache
def _asset(name: str) -> str:
    return (resources.files("seatrial.selftest") / name).read_text("utf-8")
