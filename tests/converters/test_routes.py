"""Ways over several formats: the cheapest is found, what is missing is named, and nothing is half-written."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.converters import Converter, all_converters, find_route, what_it_lacks
from seatrial.converters._options import sorted_out
from seatrial.converters._route import Route, cheapest, verifiable
from seatrial.errors import MissingDependency, UnsupportedModel, UsageError


def road(source, target, *, cost=1, there=True, name="", **more):
    return Converter(
        name=name or f"{source}_to_{target}",
        summary="a road",
        sources=tuple(source.split("|")),
        target=target,
        extra="onnx",
        available=lambda: there,
        make=lambda *_, **__: None,
        cost=cost,
        stand_in=more.pop("stand_in", lambda *_: None),
        **more,
    )


def test_the_cheapest_way_is_taken_and_told():
    roads = [road("a", "b"), road("b", "c"), road("a", "c", cost=3), road("c", "d")]
    route = find_route("a", "d", converters=roads)
    assert str(route) == "a -> b -> c -> d"
    assert route.cost == 3
    assert [each.name for each in route.converters] == ["a_to_b", "b_to_c", "c_to_d"]


def test_of_equal_costs_the_shorter_way_is_taken():
    roads = [road("a", "b"), road("b", "c"), road("a", "c", cost=2)]
    assert str(find_route("a", "c", converters=roads)) == "a -> c"


def test_a_way_can_be_forced():
    roads = [road("a", "b"), road("b", "c"), road("a", "c"), road("b", "a")]
    assert str(find_route("a", "c", via=["b"], converters=roads)) == "a -> b -> c"
    assert str(find_route("a", "a", via=["b"], converters=roads)) == "a -> b -> a"
    with pytest.raises(UsageError, match="nothing converts to bb") as caught:
        find_route("a", "c", via=["bb"], converters=roads)
    assert "b" in caught.value.hint


def test_what_keeps_its_format_is_on_no_way():
    roads = [road("a|b", "b", name="quantize_b"), road("a", "b", cost=9)]
    assert [each.name for each in find_route("a", "b", converters=roads).converters] == ["a_to_b"]
    with pytest.raises(UsageError, match="is b already"):
        find_route("b", "b", converters=roads)


def test_what_is_missing_on_each_way_is_named_with_its_command():
    roads = [
        road("a", "b"),
        road("b", "c", there=False, lacks=lambda: "needs a GPU"),
        road("a", "c", there=False, cost=5, tool="paddle2onnx-legacy", name="other_way"),
    ]
    with pytest.raises(MissingDependency, match="b_to_c is not ready") as caught:
        find_route("a", "c", converters=roads)
    assert "a -> b -> c" in caught.value.hint
    assert "b_to_c: needs a GPU; pip install 'seatrial[onnx]'" in caught.value.hint
    assert "other_way: " in caught.value.hint


def test_no_way_at_all_says_where_ways_lead():
    with pytest.raises(UnsupportedModel, match="nothing converts a to z") as caught:
        find_route("a", "z", converters=[road("a", "b"), road("b", "c"), road("y", "z")])
    assert "from a there is a way to: b, c" in caught.value.hint
    assert "to z from: y" in caught.value.hint


def test_a_result_that_nothing_runs_is_on_no_way():
    never = replace(road("onnx", "stone"), stand_in=None)
    assert not verifiable(never)
    with pytest.raises(MissingDependency) as caught:
        find_route("onnx", "stone", converters=[never])
    assert "a result that never ran is not believed" in caught.value.hint


def test_a_tool_that_is_missing_is_told_with_its_size_and_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path))
    lacking = road("a", "b", there=False, tool="paddle2onnx-legacy")
    assert lacking.reason() == "needs the tool paddle2onnx-legacy (12 MB)"
    assert lacking.how_to_get() == "get it with:  seatrial doctor paddle2onnx-legacy | sh -eu"
    assert replace(lacking, tool="").reason() == "needs the packages of seatrial[onnx]"
    assert road("a", "b").reason() == ""


names = st.sampled_from("abcdef")


@given(st.lists(st.tuples(names, names, st.integers(0, 5), st.booleans()), max_size=14), names, names)
def test_any_way_that_is_found_is_a_valid_chain_and_none_is_cheaper(edges, source, target):
    roads = [
        road(here, there, cost=cost, there=ready, name=f"{place}_{here}{there}")
        for place, (here, there, cost, ready) in enumerate(edges)
        if here != there
    ]
    usable = [each for each in roads if each.available()]
    known = shortest(usable, source)
    try:
        route = find_route(source, target, converters=roads)
    except (MissingDependency, UnsupportedModel):
        assert target not in known or source == target
        return
    except UsageError:
        assert source == target
        return
    assert route.formats[0] == source
    assert route.formats[-1] == target
    assert len(set(route.formats)) == len(route.formats)
    for (here, there), each in zip(pairwise(route.formats), route.converters, strict=True):
        assert here in each.sources
        assert each.target == there
        assert each.available()
    assert route.cost == known[target]


def shortest(roads, source):
    """Costs by Bellman and Ford, the slow and simple way."""
    known = {source: 0}
    for _ in "abcdef":
        for each in roads:
            if each.sources[0] in known:
                cost = known[each.sources[0]] + each.cost
                known[each.target] = min(known.get(each.target, cost), cost)
    return known


def test_the_ways_between_real_formats_are_as_documented():
    known = all_converters().values()
    assert str(cheapest("paddle-json", "openvino", known)) == "paddle-json -> onnx -> openvino"
    assert str(cheapest("paddle-json", "ort", known)) == "paddle-json -> onnx -> ort"
    assert str(cheapest("onnx", "openvino", known)) == "onnx -> openvino"


OPTIONS = {"opset": 0, "fp16": False, "ratio": 0.5, "level": "all", "names": ("a",), "data": None}
LONG = Route(("a", "b", "c"), (road("a", "b", options=OPTIONS), road("b", "c", options={"opset": 0})))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("opset", "17", 17),
        ("fp16", "yes", True),
        ("fp16", "FALSE", False),
        ("ratio", "1e-3", 0.001),
        ("level", "basic", "basic"),
        ("names", "x, y", ("x", "y")),
        ("data", "file", "file"),
        ("opset", 13, 13),
    ],
)
def test_options_are_typed_by_their_defaults(name, text, value):
    first, second = sorted_out(LONG, {name: text})
    assert first == {name: value}
    assert second == ({name: value} if name == "opset" else {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"opsets": "1"}, "no option opsets"),
        ({"opset": "many"}, "'many' is not a whole number"),
        ({"fp16": "perhaps"}, "'perhaps' is not yes or no"),
        ({"ratio": "half"}, "'half' is not a number"),
    ],
)
def test_options_that_nobody_takes_are_refused(options, words):
    with pytest.raises(UsageError, match=words) as caught:
        sorted_out(LONG, options)
    assert caught.value.hint


@pytest.mark.parametrize("name", sorted(all_converters()))
def test_what_a_real_converter_lacks_comes_with_a_command(name):
    for lack in what_it_lacks(all_converters()[name]):
        assert "seatrial doctor" in lack or "pip install" in lack or "get it" in lack
