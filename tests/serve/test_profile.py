"""What is measured at load, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import TensorSpec, check_feeds
from seatrial.errors import EngineFailure
from seatrial.serve.batching.profile import LONGEST_DELAY, Profile, choose, feeds_of, line_through, measure

X = TensorSpec("x", "float32", ("batch", 4))


class Machine:
    """A model whose clock only moves while it works."""

    def __init__(self, fixed: float, per_row: float, *, most: int = 10**6, whole: bool = True) -> None:
        self.now, self.fixed, self.per_row, self.most, self.whole = 0.0, fixed, per_row, most, whole
        self.seen: list[int] = []

    def clock(self) -> float:
        return self.now

    async def run(self, feeds: Mapping[str, Any]) -> list[Any]:
        rows = len(feeds["x"])
        self.seen.append(rows)
        if rows > self.most:
            raise EngineFailure("out of memory", kind="memory")
        self.now += self.fixed + self.per_row * rows
        return [np.zeros((rows if self.whole else 7, 2))]

    async def profile(self, spec: TensorSpec = X, **more: Any) -> Profile:
        return await measure(self.run, [spec], clock=self.clock, **more)


async def test_a_device_that_likes_batches() -> None:
    profile = await Machine(0.014, 0.0003).profile()
    assert list(profile.seconds) == [1, 2, 4, 8, 16, 32]
    assert (profile.fixed, profile.per_row) == (pytest.approx(0.014), pytest.approx(0.0003))
    assert profile.service(10) == pytest.approx(0.017)
    choice = choose(profile)
    assert choice.max_batch_size == 32
    assert choice.max_queue_delay == pytest.approx(0.0143 / 3)
    assert "19.4 x" in choice.why


async def test_a_slow_model_does_not_wait_longer_than_the_longest_delay() -> None:
    assert choose(await Machine(0.03, 0.001).profile()).max_queue_delay == LONGEST_DELAY


async def test_a_quick_model_batches_what_is_there_and_waits_for_nobody() -> None:
    choice = choose(await Machine(0.0007, 0.00001).profile())
    assert (choice.max_batch_size, choice.max_queue_delay) == (32, 0)


async def test_a_processor_that_gains_nothing() -> None:
    profile = await Machine(0.0001, 0.004).profile()
    choice = choose(profile)
    assert (choice.max_batch_size, choice.max_queue_delay) == (1, 0)
    asked = choose(profile, largest=8)
    assert (asked.max_batch_size, asked.max_queue_delay) == (8, 0)
    assert choose(profile, largest=8, delay=0.003).max_queue_delay == 0.003


async def test_a_processor_that_gains_little_joins_what_waits_anyway() -> None:
    choice = choose(await Machine(0.0007, 0.004).profile())
    assert (choice.max_batch_size, choice.max_queue_delay) == (8, 0)
    assert "1.2 x" in choice.why


def test_of_sizes_that_are_alike_the_one_with_fewer_pauses_between_batches_is_chosen() -> None:
    alike = {1: 0.0046, 2: 0.0084, 4: 0.0168, 8: 0.0336, 16: 0.0672}
    assert choose(Profile(alike)).max_batch_size == 4
    assert choose(Profile({size: 100 * each for size, each in alike.items()})).max_batch_size == 2


async def test_what_the_user_asks_for_is_taken() -> None:
    machine = Machine(0.014, 0.0003)
    profile = await machine.profile(largest=4)
    assert max(machine.seen) == 4
    assert choose(profile, largest=4).max_batch_size == 4
    assert choose(profile, largest=1).max_batch_size == 1
    assert choose(profile, delay=0.002).max_queue_delay == 0.002


async def test_sizes_that_do_not_run_are_not_chosen() -> None:
    profile = await Machine(0.014, 0.0003, most=8).profile()
    assert list(profile.seconds) == [1, 2, 4, 8]
    assert "16" in profile.note
    assert "out of memory" in profile.note
    assert choose(profile).max_batch_size == 8


async def test_a_model_that_refuses_made_up_numbers_is_served_without_batching() -> None:
    profile = await Machine(0.014, 0.0003, most=0).profile()
    assert not profile.seconds
    choice = choose(profile, largest=8)
    assert choice.max_batch_size == 1
    assert "did not run" in choice.why


async def test_outputs_without_rows_are_never_batched() -> None:
    profile = await Machine(0.014, 0.0003, whole=False).profile()
    assert choose(profile, largest=8).max_batch_size == 1


async def test_a_fixed_batch_axis_is_never_batched() -> None:
    machine = Machine(0.014, 0.0003)
    profile = await machine.profile(TensorSpec("x", "float32", (1, 4)))
    assert set(machine.seen) == {1}
    assert choose(profile).max_batch_size == 1


async def test_measuring_has_a_budget() -> None:
    machine = Machine(0.5, 0.1)
    profile = await machine.profile()
    assert machine.now < 12
    assert 32 not in profile.seconds
    assert "not tried" in profile.note


async def test_a_sample_is_repeated() -> None:
    seen = []

    async def run(feeds: Mapping[str, Any]) -> list[Any]:
        seen.append(feeds["x"])
        return [feeds["x"]]

    row = np.array([[1, 2, 3, 4]], "f4")
    await measure(run, [X], clock=Machine(0, 0).clock, sample={"x": row})
    assert all((each == row).all() for each in seen)


@given(
    st.lists(st.integers(1, 64), min_size=2, max_size=6, unique=True),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(-0.1, 0.1),
)
def test_the_line_is_never_below_zero(sizes: list[int], fixed: float, per_row: float, noise: float) -> None:
    a, b = line_through({size: abs(fixed + per_row * size + noise * (-1) ** size) for size in sizes})
    assert a >= 0
    assert b >= 0
    exact = line_through({size: fixed + per_row * size for size in sizes})
    assert exact == (pytest.approx(fixed, abs=1e-6), pytest.approx(per_row, abs=1e-6))


def test_a_line_needs_no_points() -> None:
    assert line_through({}) == (0, 0)
    assert line_through({4: 2.0}) == (0, 0.5)


SPECS = st.builds(
    TensorSpec,
    st.just("x"),
    st.sampled_from(["bool", "uint8", "int32", "int64", "float16", "float32", "float64", "string"]),
    st.lists(st.sampled_from([1, 3, "t", None]), max_size=3).map(lambda rest: ("batch", *rest)),
    st.sampled_from(["", "NCHW", "NT"]),
    st.none() | st.floats(-5, 0),
    st.none() | st.floats(1, 5),
)


@given(SPECS, st.integers(1, 4))
def test_made_up_feeds_obey_the_specs(spec: TensorSpec, rows: int) -> None:
    feeds = feeds_of([spec], rows)
    check_feeds([spec], feeds)
    assert feeds["x"].shape[0] == rows
