"""The rule by which batches are formed: nothing lost, nothing split, the oldest first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import Unavailable, UsageError
from seatrial.serve.batching.queueing import Policy, Queue, Request


def request(rows: int = 1, arrived: float = 0.0, shape: Any = ("a",), **more: Any) -> Request:
    return Request({"x": np.zeros((rows, 2))}, rows, lambda _: None, arrived, shape=shape, **more)


def test_a_lone_request_waits_from_when_it_came() -> None:
    queue = Queue(Policy(8, 0.005))
    queue.put(request(arrived=1.0))
    assert queue.take(1.001).wait == pytest.approx(0.004)
    assert len(queue.take(1.005).batch) == 1


def test_a_full_batch_does_not_wait() -> None:
    queue = Queue(Policy(4, 10.0))
    for _ in range(5):
        queue.put(request())
    assert len(queue.take(0.0).batch) == 4
    assert not queue.take(0.0).batch


def test_rows_are_counted_not_requests_and_nothing_is_split() -> None:
    queue = Queue(Policy(8, 0.0))
    for rows in (5, 2, 4):
        queue.put(request(rows))
    assert [each.rows for each in queue.take(0.0).batch] == [5, 2]
    assert [each.rows for each in queue.take(0.0).batch] == [4]


def test_shapes_do_not_mix_and_the_oldest_goes_first() -> None:
    queue = Queue(Policy(8, 0.0))
    queue.put(request(arrived=2.0, shape=("b",)))
    queue.put(request(arrived=1.0, shape=("a",)))
    queue.put(request(arrived=3.0, shape=("b",)))
    assert [each.shape for each in queue.take(9.0).batch] == [("a",)]
    assert [each.arrived for each in queue.take(9.0).batch] == [2.0, 3.0]


def test_a_full_shape_goes_before_one_that_still_waits() -> None:
    queue = Queue(Policy(2, 5.0))
    queue.put(request(arrived=0.0, shape=("a",)))
    for _ in range(2):
        queue.put(request(arrived=1.0, shape=("b",)))
    assert [each.shape for each in queue.take(1.0).batch] == [("b",), ("b",)]


def test_high_priority_goes_first() -> None:
    queue = Queue(Policy(1, 0.0))
    queue.put(request(arrived=0.0, priority=2))
    queue.put(request(arrived=1.0, priority=0))
    assert queue.take(1.0).batch[0].priority == 0


def test_what_cannot_make_its_deadline_is_dropped_not_run() -> None:
    queue = Queue(Policy(8, 0.0), service=lambda _: 0.1)
    late, early = request(deadline=1.05), request(deadline=1.5)
    queue.put(late)
    queue.put(early)
    taken = queue.take(1.0)
    assert (taken.expired, taken.batch) == ([late], [early])


def test_a_full_queue_refuses_at_once() -> None:
    queue = Queue(Policy(4, 1.0, max_queue_size=4))
    for _ in range(4):
        queue.put(request())
    with pytest.raises(Unavailable, match="4 rows are waiting"):
        queue.put(request())
    assert len(queue) == 4


def test_a_request_larger_than_a_batch_is_refused() -> None:
    with pytest.raises(UsageError, match="9 rows"):
        Queue(Policy(8, 0.0)).put(request(9))


def test_a_size_that_nobody_asked_for_refuses_nothing() -> None:
    queue = Queue(Policy(8, 0.0, larger=True))
    queue.put(request(9))
    queue.put(request(1))
    assert [each.rows for each in queue.take(0.0).batch] == [9]
    assert [each.rows for each in queue.take(0.0).batch] == [1]


def test_without_batching_each_goes_alone_whatever_its_rows() -> None:
    queue = Queue(Policy(1, 0.0))
    queue.put(request(3))
    queue.put(request(1))
    assert [each.rows for each in queue.take(0.0).batch] == [3]
    assert [each.rows for each in queue.take(0.0).batch] == [1]


def test_draining_waits_for_no_company() -> None:
    queue = Queue(Policy(8, 100.0))
    queue.put(request())
    assert queue.take(0.0, drain=True).batch


def test_a_request_that_runs_cannot_be_cancelled() -> None:
    queue = Queue(Policy(1, 0.0))
    first, second = request(), request()
    queue.put(first)
    queue.put(second)
    queue.take(0.0)
    assert not queue.cancel(first)
    assert queue.cancel(second)
    assert not queue.cancel(second)
    assert (len(queue), queue.rows) == (0, 0)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 8), st.sampled_from("abc"), st.integers(0, 2)),
        st.tuples(st.just("take"), st.integers(0, 20)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("die")),
    ),
    max_size=60,
)


WAITING = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 9)), max_size=20
)


@given(WAITING, st.integers(1, 8))
def test_what_comes_next_is_what_is_taken(waiting: Any, most: int) -> None:
    queue = Queue(Policy(max(most, 4) if most > 1 else 1, 0.0))
    for rows, shape, priority, arrived in waiting:
        queue.put(request(rows, float(arrived), (shape,), priority=priority))
    while next_ := queue.next():
        assert queue.take(10.0).batch == next_
    assert not len(queue)


@given(ACTIONS, st.integers(1, 8), st.sampled_from([0.0, 2.0]))
def test_every_request_leaves_exactly_once(actions: Any, most: int, delay: float) -> None:
    queue = Queue(Policy(most, delay, max_queue_size=40))
    waiting: list[Request] = []
    gone: list[Request] = []
    now, last = 0.0, []
    for action in actions:
        now += 0.5
        if action[0] == "put":
            new = request(action[1], now, (action[2],), priority=action[3])
            try:
                queue.put(new)
            except (Unavailable, UsageError):
                continue
            waiting.append(new)
        elif action[0] == "take":
            last = queue.take(now + action[1]).batch
            assert sum(each.rows for each in last) <= max(most, max((e.rows for e in last), default=0))
            assert len({each.shape for each in last}) <= 1
            gone += last
            waiting = [each for each in waiting if each not in last]
        elif action[0] == "cancel" and action[1] < len(waiting):
            victim = waiting.pop(action[1])
            assert queue.cancel(victim)
        elif action[0] == "die" and last:
            queue.put_back(last)
            waiting += last
            gone = [each for each in gone if each not in last]
            last = []
        assert len(queue) == len(waiting)
        assert queue.rows == sum(each.rows for each in waiting)
    rest = queue.everything()
    assert {id(each) for each in rest} == {id(each) for each in waiting}
    assert len(queue) == queue.rows == 0
