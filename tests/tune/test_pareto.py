"""The front: nobody on it is beaten, and whoever is not on it is."""

from hypothesis import given
from hypothesis import strategies as st

from seatrial.tune.pareto import beats, front

costs = st.tuples(*[st.floats(0.1, 100)] * 3)
lists = st.lists(costs, min_size=1, max_size=12)
NONE = (0.0, 0.0, 0.0)


@given(lists)
def test_without_noise_the_front_is_exactly_what_nobody_beats(points):
    things = list(enumerate(points))
    kept = front(things, NONE)
    assert kept
    for place, one in things:
        beaten = any(beats(other, one, NONE) for other in points)
        assert (place in kept) == (not beaten and points.index(one) == place)


@given(lists, st.integers(0, 2), st.floats(1.2, 5))
def test_a_point_made_worse_in_one_thing_leaves_nobody_out(points, axis, factor):
    worse = tuple(value * factor if place == axis else value for place, value in enumerate(points[0]))
    things = list(enumerate(points))
    assert front([*things, (len(points), worse)]) == front(things)


def test_what_differs_by_noise_alone_stays():
    things = [("a", (1.0, 1.0, 1.0)), ("b", (1.02, 0.99, 1.04)), ("c", (1.02, 1.2, 1.0))]
    assert front(things) == ["a", "b"]
