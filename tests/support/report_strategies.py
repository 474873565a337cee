"""Any report at all, for the laws of the renderings."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from seatrial.checks._finding import Chart, Control, Finding, Limit, Picture, Series, Table, Text, Verdict
from seatrial.checks._report import CheckResult, Report

HOSTILE = (
    "<script>alert(1)</script>",
    "]]><x>",
    "--><b>",
    '" onload="x',
    "'; DROP TABLE x",
    "\x00\x07\x1b[31mred\x1b[0m",
    "\u202egnp.exe\u2066",
    "a\r\nb\x0bc\u2028d",
    "| a | b |\n---",
    "```\n# x",
    "@everyone #1 !2",
    "[x](javascript:alert(1))",
    "{{ 7*7 }}{% x %}",
    "\ud800",
    "\ufffe\uffff",
    "&amp;&lt;",
    "统一验证" * 40,
    "x" * 5000,
    "",
)

words = st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=12)
texts = st.builds(Text, words, words)
floats = st.floats(allow_nan=False)
scalars = words | st.integers() | floats | st.booleans() | st.none()
free = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.just("$float"), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def series(draw):
    ys = draw(st.lists(floats | st.floats(-1e3, 1e3), max_size=8))
    x = draw(st.sampled_from([floats, words, st.floats(1e-3, 10)]))
    return Series(draw(words), tuple(draw(st.lists(x, min_size=len(ys), max_size=len(ys)))), tuple(ys))


charts = st.builds(
    Chart,
    texts,
    st.sampled_from(["line", "step", "bar", "scatter"]),
    words,
    words,
    st.lists(series(), max_size=3).map(tuple),
    st.booleans(),
    st.booleans(),
    st.none() | floats,
)
tables = st.builds(
    Table,
    texts,
    st.just(("a", "b")),
    st.lists(st.tuples(scalars, scalars), max_size=3).map(tuple),
)
pictures = st.builds(Picture, texts, words | st.just("iVBORw0KGgo="), texts)
findings = st.builds(
    Finding,
    words,
    st.sampled_from(Verdict),
    texts,
    st.integers(0, 10**9),
    scalars,
    st.none() | st.builds(Limit, scalars, words, words),
    st.lists(charts | tables | pictures, max_size=2).map(tuple),
    st.none() | texts,
    st.none() | texts,
    words,
    st.dictionaries(words, free, max_size=3),
)
results = st.builds(
    CheckResult,
    words,
    st.integers(0, 200),
    texts,
    texts,
    st.lists(words, max_size=2).map(tuple),
    st.booleans(),
    st.sampled_from(Verdict),
    st.lists(findings, max_size=3).map(tuple),
    st.none() | st.builds(Control, st.booleans(), texts),
    st.floats(0, 1e5),
    words,
    words,
    st.integers(0, 10**9),
)
reports = st.builds(
    Report,
    model=st.dictionaries(st.sampled_from(["name", "path", "format", "version", "digest"]), words),
    subject=st.dictionaries(st.sampled_from(["model", "data", "contract"]), words),
    verdict=st.sampled_from([Verdict.PASS, Verdict.FAIL]),
    reason=texts,
    tier=words,
    profile=words,
    results=st.lists(results, max_size=3).map(tuple),
    environment=st.dictionaries(words, scalars | st.dictionaries(words, scalars, max_size=2), max_size=3),
    baseline=st.none() | st.fixed_dictionaries({"name": words, "accepted_by": words, "accepted_at": words}),
    started=words | st.just("2026-11-21T05:20:11+00:00"),
    seconds=st.floats(0, 1e5),
    seatrial=words,
    seed=st.integers(),
    command=words,
    figures=st.dictionaries(words, st.dictionaries(words, free, max_size=2), max_size=2),
)


def same(left: object, right: object) -> bool:
    """Equality in which NaN equals NaN."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return left == right
