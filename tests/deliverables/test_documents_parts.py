"""What documents are made with: sources, words without loose numbers, text that cannot act."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.deliverables._documents.blocks import Code, Grid, Strong
from seatrial.deliverables._documents.html import inline as html
from seatrial.deliverables._documents.markdown import _grid, escaped, inline
from seatrial.deliverables._documents.trace import Facts, Figure, resolve, shown, source
from seatrial.deliverables._documents.writer import Writer

FACTS = Facts({"report/report.json": {"score": 0.123456, "name": "x"}, "contract.yaml": {"scale": 1 / 255}})

PLAIN = st.recursive(
    st.integers() | st.text() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def ways(tree: Any, way: tuple[str | int, ...] = ()) -> Any:
    """Every place in plain values, with what is there."""
    yield way, tree
    if isinstance(tree, dict):
        for key, each in tree.items():
            yield from ways(each, (*way, key))
    elif isinstance(tree, list):
        for place, each in enumerate(tree):
            yield from ways(each, (*way, place))


@given(PLAIN)
def test_a_source_leads_to_what_it_names(tree: Any) -> None:
    for way, there in ways(tree):
        if any(
            isinstance(each, dict) and {"id", "name", "format", "path"} & set(each) for _, each in ways(tree)
        ):
            continue  # elements with a name are found by it first
        assert resolve(tree, source("f", *way).split("#", 1)[1]) == there


def test_elements_are_found_by_their_name() -> None:
    tree = {"results": [{"name": "a~b/c", "findings": [{"id": "x", "n": 1}, {"id": "y", "n": 2}]}]}
    assert resolve(tree, "/results/a~0b~1c/findings/y/n") == 2
    assert resolve(tree, "/results/0/findings/0/n") == 1
    with pytest.raises(LookupError):
        resolve(tree, "/results/a/findings")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (38474, "38,474"),
        (0.975555, "0.9756"),
        (1064.82, "1,065"),
        (2.980235080943185e-07, "2.98e-7"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (float("inf"), "inf"),
        (True, "true"),
        (None, "–"),
        ("a\nb\u202e", "a b\\u202e"),
        ([1, "x"], '[1, "x"]'),
    ],
    ids=["whole", "share", "large", "tiny", "zero", "negative", "infinite", "yes", "none", "text", "list"],
)
def test_values_as_people_read_them(value: Any, text: str) -> None:
    assert shown(value) == text


def test_measured_figures_are_rounded_and_constants_are_not() -> None:
    assert FACTS.figure("report/report.json", "score").text == "0.1235"
    assert FACTS.figure("report/report.json", "score").value == "0.123456"
    assert FACTS.figure("contract.yaml", "scale").text == repr(1 / 255)


@pytest.mark.parametrize("sentence", ["about 97 of them", "**12** ms", "[page 3](x)", "P95", "v1.2"])
def test_a_number_without_a_source_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError, match="without a source"):
        Writer(FACTS, "en").text(sentence, sentence)


def test_a_sentence_takes_facts_names_and_marks() -> None:
    w = Writer(FACTS, "en")
    figure = w.report("score")
    line = w.line("`a1` is **so** at {score}, 95 % sure.", "{score}", score=figure)
    assert line == (Code("a1"), " is ", Strong("so"), " at ", figure, ", 95 % sure.")
    assert inline(line) == "`a1` is **so** at 0.1235, 95 % sure."
    assert '<data value="0.123456" data-source="report/report.json#/score"' in html(line)


@given(st.text())
def test_no_text_ends_a_cell_or_begins_a_tag(text: str) -> None:
    figure = Figure(shown(text), "f#/a", wide=True)
    grid = Grid((), ("name",), (((figure,),),))
    row = next(iter(_grid(grid))).splitlines()
    assert len(row) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row[2])) == 2
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>]", row[2])
    bare = re.sub(r"<span [^>]*>|</span>", "", html((figure,)))
    assert "<" not in bare
    assert ">" not in bare


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", "a\\|b"),
        ("*x*", "\\*x\\*"),
        ("a_b", "a_b"),
        ("_a_", "\\_a\\_"),
        ("&lt;", "\\&lt;"),
        ("$x$", "\\$x\\$"),
    ],
    ids=["pipe", "star", "inner", "under", "entity", "formula"],
)
def test_marks_mean_themselves(text: str, safe: str) -> None:
    assert escaped(text) == safe
