"""Goals as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import UsageError
from seatrial.tune.goal import FIGURES, Bound, parse_goal


@pytest.mark.parametrize(
    ("text", "bounds", "objective"),
    [
        ("p99<20ms", {"p99": 20.0}, "throughput"),
        ("P99 <= 0.02 s", {"p99": 20.0}, "throughput"),
        ("p50<500us and max throughput", {"p50": 0.5}, "throughput"),
        ("throughput>100/s", {"throughput": 100.0}, "p50"),
        ("throughput > 1e3 and memory<0.5GB", {"throughput": 1000.0, "memory": 500.0}, "p50"),
        ("min latency", {}, "p50"),
        ("latency<3ms, min memory", {"p50": 3.0}, "memory"),
        ("max throughput", {}, "throughput"),
    ],
)
def test_goals_are_read(text, bounds, objective):
    goal = parse_goal(text)
    assert {each.figure: each.value for each in goal.bounds} == pytest.approx(bounds)
    assert goal.objective == objective


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no goal"),
        ("fast", "'fast' is no goal"),
        ("p99<20ms and", "is no goal"),
        ("p98<20ms", "'p98' is nothing that is measured"),
        ("p99>20ms", "from the wrong side"),
        ("throughput<5/s", "from the wrong side"),
        ("p99<20MB", "told in us, ms, s"),
        ("p99<20", "told in us, ms, s"),
        ("p99<0ms", "nothing can be"),
        ("max latency", "asks for the worst"),
        ("min p50 and max throughput", "best of two figures"),
        ("p99<2ms and p99<3ms", "bounds p99 twice"),
    ],
)
def test_what_is_no_goal_is_refused_with_a_hint(text, said):
    with pytest.raises(UsageError, match=said) as caught:
        parse_goal(text)
    assert caught.value.hint


@given(st.sampled_from(sorted(FIGURES)), st.floats(1e-3, 1e6))
def test_a_goal_reads_as_it_is_written(figure, value):
    goal = parse_goal(str(Bound(figure, value)))
    assert goal.bounds[0].value == pytest.approx(value, rel=1e-5)
    assert parse_goal(str(goal)).objective == goal.objective


@given(st.sampled_from(sorted(FIGURES)), st.floats(0.1, 100), st.floats(0.1, 100))
def test_a_bound_holds_exactly_on_its_good_side(figure, limit, value):
    holds = value <= limit if FIGURES[figure][1] == "min" else value >= limit
    assert (Bound(figure, limit).missed(value) <= 1) == holds
