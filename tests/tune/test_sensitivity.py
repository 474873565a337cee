"""The search leaves few layers in float, in few looks (M21)."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from seatrial.converters.quantize_onnx import LayerCost
from seatrial.tune import most_costly_first
from seatrial.tune._sensitivity import fewest_in_float, first_guess


@dataclass(frozen=True)
class Found:
    keep: tuple[str, ...]
    accepted: bool
    hopeless: bool = False


@given(st.integers(2, 60), st.data())
def test_what_is_found_is_acceptable_and_close_to_the_fewest(layers, data):
    needed = data.draw(st.integers(1, layers - 1))
    order = [f"layer{place}" for place in range(layers)]
    best, seen = fewest_in_float(order, lambda keep: Found(keep, len(keep) >= needed), looks=20)
    assert best is not None
    assert len(best.keep) == needed
    assert best.keep == tuple(order[:needed])
    assert len(seen) <= 2 * layers.bit_length() + 1


@given(st.integers(2, 60), st.data())
def test_from_any_start_the_fewest_are_found(layers, data):
    needed, start = (data.draw(st.integers(1, layers - 1)) for _ in range(2))
    order = [str(place) for place in range(layers)]
    best, _ = fewest_in_float(order, lambda keep: Found(keep, len(keep) >= needed), start=start, looks=20)
    assert best is not None
    assert len(best.keep) == needed


def test_the_first_guess_leaves_the_loud_layers_in_float():
    loud = [LayerCost(str(place), "Conv", 1, 10.0) for place in range(3)]
    quiet = [LayerCost(f"q{place}", "Conv", 1, 45.0) for place in range(20)]
    assert first_guess([*loud, *quiet]) == 3
    assert first_guess(quiet) == 1
    assert first_guess(loud) == 2


@given(st.integers(2, 200), st.data())
def test_looks_are_counted(layers, data):
    needed = data.draw(st.integers(1, layers))
    order = [str(place) for place in range(layers)]
    best, seen = fewest_in_float(order, lambda keep: Found(keep, len(keep) >= needed), looks=4)
    assert len(seen) <= 4
    assert best is None or len(best.keep) >= needed


def test_all_in_float_is_no_candidate():
    best, seen = fewest_in_float(["a", "b", "c"], lambda keep: Found(keep, accepted=False))
    assert best is None
    assert [len(each.keep) for each in seen] == [1, 2]


def test_it_stops_where_no_layer_helps_or_time_is_up():
    best, seen = fewest_in_float(["a", "b", "c"], lambda keep: Found(keep, accepted=False, hopeless=True))
    assert (best, len(seen)) == (None, 1)
    assert fewest_in_float(["a", "b"], lambda keep: Found(keep, accepted=True), enough=lambda: True) == (
        None,
        [],
    )


def test_the_noisiest_come_first_and_the_unmeasured_last():
    costs = [LayerCost("a", "Conv", 1, 40.0), LayerCost("b", "Conv", 1), LayerCost("c", "Conv", 1, -3.0)]
    assert [each.name for each in most_costly_first(costs)] == ["c", "a", "b"]
