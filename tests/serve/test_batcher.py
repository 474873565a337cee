"""Batches go to engines and every request gets its own rows back, whatever dies on the way."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import ContractViolation, EngineFailure, SeatrialError, Unavailable
from seatrial.serve.batching import batcher as batcher_module
from seatrial.serve.batching import device as device_module
from seatrial.serve.batching.batcher import Batcher
from seatrial.serve.batching.queueing import Policy, Request
from support.fake_session import POISON, FakeSession


@pytest.fixture(autouse=True)
def _quick_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(device_module, "LONGEST_PAUSE", 0.004)


class Bench:
    """A batcher over fake sessions."""

    def __init__(self, policy: Policy, *, devices: int = 1, seconds: float = 0.0, **more: Any) -> None:
        self.sessions: list[FakeSession] = []
        self.timeout, service = more.pop("timeout", 60.0), more.pop("service", None)

        def opened() -> FakeSession:
            self.sessions.append(FakeSession(seconds, **more))
            return self.sessions[-1]

        self.batcher = Batcher(policy, [opened] * devices, timeout=self.timeout, service=service)

    def ask(self, *values: float, **more: Any) -> tuple[Request, asyncio.Future[Any]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def done(outcome: Any) -> None:
            if not answer.done():
                if isinstance(outcome, BaseException):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)

        x = np.array(values, float).reshape(-1, 1)
        request = Request({"x": x}, len(x), done, loop.time(), **more)
        self.batcher.submit(request)
        return request, answer


async def test_requests_of_one_turn_travel_together() -> None:
    bench = Bench(Policy(8, 0.0))
    await bench.batcher.start()
    answers = [bench.ask(value)[1] for value in range(5)]
    got = [float((await each)[0][0, 0]) for each in answers]
    assert got == [0, 2, 4, 6, 8]
    assert bench.sessions[0].batches == [5]
    await bench.batcher.close()


async def test_a_batch_grows_while_the_device_is_busy() -> None:
    bench = Bench(Policy(8, 0.0), seconds=0.02)
    await bench.batcher.start()
    first = bench.ask(1)[1]
    await asyncio.sleep(0.005)
    rest = [bench.ask(value)[1] for value in (2, 3, 4)]
    await asyncio.gather(first, *rest)
    assert bench.sessions[0].batches == [1, 3]
    await bench.batcher.close()


async def _turns(bench: Bench, *values: float, enough: int = 0) -> int:
    """How often the loop looks again while the first of those requests runs and the others wait behind it.

    `enough`: times after which the engine answers; 0: it answers when its time is over.
    """
    turns = 0
    stay = bench.batcher._stay_awake

    def counted(*arguments: Any) -> None:
        nonlocal turns
        turns += 1
        stay(*arguments)
        if turns == enough:
            bench.sessions[0].seconds = 0
            bench.sessions[0]._reply()

    bench.batcher._stay_awake = counted
    await bench.batcher.start()
    await asyncio.gather(*(bench.ask(value)[1] for value in values))
    await bench.batcher.close()
    return turns


async def test_the_loop_stays_awake_for_a_long_batch_that_others_wait_behind() -> None:
    one = Policy(1, 0.0)
    late = Bench(one, seconds=5, service=lambda _: 0.02)
    late.batcher.clock = lambda: 1e9  # the expected end is always near
    assert await _turns(late, 1, 2, enough=7) >= 7
    over = Bench(one, seconds=0.04, service=lambda _: 0.02)
    over.batcher.clock = itertools.count(1e9).__next__  # a second each time: it is past at the first look
    assert await _turns(over, 1, 2) <= 2  # of each batch at most one
    alone = Bench(one, seconds=0.04, service=lambda _: 0.02)
    assert await _turns(alone, 1) == 1
    short = Bench(one, seconds=0.04, service=lambda _: 0.001)
    assert await _turns(short, 1, 2) == 0
    unknown = Bench(one, seconds=0.04)
    assert await _turns(unknown, 1, 2) == 0


async def test_what_runs_next_is_joined_while_the_device_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    joins: list[int] = []
    joined = batcher_module.joined
    monkeypatch.setattr(batcher_module, "joined", lambda feeds: joins.append(len(feeds)) or joined(feeds))
    bench = Bench(Policy(3, 0.0), seconds=5, service=lambda _: 0.02)
    bench.batcher.clock = lambda: 1e9  # the expected end is always near
    await bench.batcher.start()
    first = [bench.ask(value)[1] for value in (0, 1, 2)]
    behind = [bench.ask(value) for value in (3, 4, 5)]
    while joins != [3, 3]:
        await asyncio.sleep(0.001)
    assert bench.sessions[0].batches == [3]
    bench.batcher.cancel(behind[1][0])  # what was joined is not what is to run any more
    while joins != [3, 3, 2]:
        await asyncio.sleep(0.001)
    bench.batcher.clock = lambda: 2e9  # nobody looks ahead any more, and what was joined is short of one
    late = bench.ask(6)[1]
    bench.sessions[0].seconds = 0
    bench.sessions[0]._reply()
    answers = await asyncio.gather(*first, behind[0][1], behind[2][1], late)
    assert [each[0].item() for each in answers] == [0, 2, 4, 6, 10, 12]
    assert joins == [3, 3, 2, 3]
    await bench.batcher.close()


async def test_what_takes_long_to_join_is_not_joined_before_it_must_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher_module, "QUICK", 15)
    bench = Bench(Policy(3, 0.0), seconds=5, service=lambda _: 0.02)
    bench.batcher.clock = lambda: 1e9
    await bench.batcher.start()
    waiting = [bench.ask(value)[1] for value in range(5)]
    await asyncio.sleep(0.03)
    assert bench.batcher._ahead == ([], {})
    bench.sessions[0].seconds = 0
    bench.sessions[0]._reply()
    assert [each[0].item() for each in await asyncio.gather(*waiting)] == [0, 2, 4, 6, 8]
    await bench.batcher.close()


async def test_the_oldest_waits_no_longer_than_the_delay() -> None:
    bench = Bench(Policy(8, 0.2))
    await bench.batcher.start()
    began = asyncio.get_running_loop().time()
    first = bench.ask(1)[1]
    await asyncio.sleep(0.02)
    second = bench.ask(2)[1]
    await asyncio.gather(first, second)
    assert asyncio.get_running_loop().time() - began < 2
    assert bench.sessions[0].batches == [2]
    await bench.batcher.close()


async def test_one_bad_request_costs_its_neighbours_nothing() -> None:
    bench = Bench(Policy(8, 0.0))
    await bench.batcher.start()
    answers = [bench.ask(value)[1] for value in (1.0, np.nan, 3.0)]
    got = await asyncio.gather(*answers, return_exceptions=True)
    assert [float(each[0][0, 0]) for each in (got[0], got[2])] == [2.0, 6.0]
    assert isinstance(got[1], EngineFailure)
    assert bench.sessions[0].alive
    await bench.batcher.close()


async def test_a_poisonous_request_kills_no_second_time() -> None:
    bench = Bench(Policy(8, 0.0))
    await bench.batcher.start()
    answers = [bench.ask(value)[1] for value in (1.0, POISON, 3.0)]
    got = await asyncio.gather(*answers, return_exceptions=True)
    assert [float(each[0][0, 0]) for each in (got[0], got[2])] == [2.0, 6.0]
    assert isinstance(got[1], EngineFailure)
    assert bench.batcher.tally.deaths == 2  # with its batch, and alone
    started = len(bench.sessions)
    with pytest.raises(ContractViolation, match="killed the engine before"):
        bench.ask(POISON)
    assert float((await bench.ask(5.0)[1])[0][0, 0]) == 10.0
    assert len(bench.sessions) == started
    await bench.batcher.close()


async def test_the_next_batch_is_begun_before_the_last_is_answered() -> None:
    bench = Bench(Policy(1, 0.0))
    await bench.batcher.start()
    begun: list[int] = []
    first, second = bench.ask(1.0), bench.ask(2.0)
    first[0].done = lambda _: begun.append(len(bench.sessions[0].batches))
    assert (await second[1])[0][0, 0] == 4.0
    assert begun == [2]
    await bench.batcher.close()


async def test_an_engine_that_hangs_is_killed_and_replaced() -> None:
    bench = Bench(Policy(1, 0.0), seconds=30.0, timeout=0.02)
    await bench.batcher.start()
    with pytest.raises(EngineFailure, match="in time"):
        await bench.ask(1)[1]
    assert bench.batcher.tally.deaths >= 1
    await bench.batcher.close()


async def test_outputs_without_rows_are_asked_one_by_one() -> None:
    bench = Bench(Policy(8, 0.0), whole=True)
    await bench.batcher.start()
    answers = [bench.ask(value)[1] for value in (1.0, 2.0)]
    assert [float((await each)[0][0, 0]) for each in answers] == [2.0, 4.0]
    assert bench.sessions[0].batches == [2, 1, 1]
    await bench.batcher.close()


async def test_callers_who_left_cost_the_device_nothing() -> None:
    bench = Bench(Policy(8, 0.0, max_queue_size=200), seconds=0.02)
    await bench.batcher.start()
    first = bench.ask(0)[1]
    await asyncio.sleep(0.005)
    gone = [bench.ask(value)[0] for value in range(100)]
    for each in gone:
        bench.batcher.cancel(each)
    await first
    assert bench.batcher.tally.cancelled == 100
    assert sum(bench.sessions[0].batches) == 1
    await bench.batcher.close()


async def test_deadlines_are_dropped_at_the_head_of_the_queue() -> None:
    bench = Bench(Policy(1, 0.0), seconds=0.03)
    await bench.batcher.start()
    first = bench.ask(1)[1]
    await asyncio.sleep(0)
    late = bench.ask(2, deadline=asyncio.get_running_loop().time() + 0.01)[1]
    await first
    with pytest.raises(TimeoutError):
        await late
    assert bench.batcher.tally.expired == 1
    assert sum(bench.sessions[0].batches) == 1
    await bench.batcher.close()


async def test_draining_finishes_what_is_there_and_takes_nothing_new() -> None:
    bench = Bench(Policy(2, 10.0), seconds=0.005)
    await bench.batcher.start()
    answers = [bench.ask(value)[1] for value in range(5)]
    drained = asyncio.create_task(bench.batcher.drain())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="unloaded"):
        bench.ask(9)
    await asyncio.gather(*answers)
    await drained
    assert not bench.sessions[0].alive


async def test_closing_tells_whoever_waits() -> None:
    bench = Bench(Policy(1, 0.0), seconds=5.0)
    await bench.batcher.start()
    answers = [bench.ask(value)[1] for value in range(3)]
    await asyncio.sleep(0)
    await bench.batcher.close()
    got = await asyncio.gather(*answers, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in got)


async def test_a_full_queue_says_so() -> None:
    bench = Bench(Policy(1, 0.0, max_queue_size=2), seconds=0.05)
    await bench.batcher.start()
    for value in range(2):
        bench.ask(value)
    with pytest.raises(Unavailable, match="rows are waiting"):
        bench.ask(3)
    assert bench.batcher.tally.rejected == 1
    await bench.batcher.close()


async def test_two_devices_share_one_queue() -> None:
    bench = Bench(Policy(2, 0.0), devices=2, seconds=0.02)
    await bench.batcher.start()
    await asyncio.gather(*(bench.ask(value)[1] for value in range(4)))
    assert [each.batches for each in bench.sessions] == [[2], [2]]
    await bench.batcher.close()


async def test_an_engine_that_opens_while_the_server_closes_is_ended() -> None:
    opened: list[FakeSession] = []
    go = threading.Event()

    def slowly() -> FakeSession:
        go.wait(10)
        opened.append(FakeSession())
        return opened[-1]

    device = device_module.Device(slowly, timeout=1, freed=lambda: None)
    starting = asyncio.create_task(device.start())
    await asyncio.sleep(0.01)
    starting.cancel()
    await device.close()
    go.set()
    while not opened or opened[0].alive:
        await asyncio.sleep(0.001)
    assert starting.cancelled()
    assert not device.ready


ASKED = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["fine", "fine", "fine", "cancel", "nan", "poison"])),
    min_size=1,
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(ASKED, st.integers(1, 8), st.integers(1, 2))
def test_every_request_gets_its_own_rows(asked: Any, most: int, devices: int) -> None:
    """Each tensor carries its request's number; under cancels and deaths it must get that one back."""

    async def story() -> None:
        bench = Bench(Policy(max(most, 4), 0.0, max_queue_size=1000), devices=devices)
        await bench.batcher.start()
        waiting = []
        for number, (rows, fate) in enumerate(asked):
            values = [1000.0 * number + row for row in range(rows)]
            if fate == "nan":
                values[0] = np.nan
            if fate == "poison":
                values[0] = POISON
            try:
                request, answer = bench.ask(*values)
            except ContractViolation:  # known as a poison from before
                continue
            if fate == "cancel":
                bench.batcher.cancel(request)
                continue
            waiting.append((values, fate, answer))
            if number % 3 == 0:
                await asyncio.sleep(0)
        for values, fate, answer in waiting:
            try:
                outputs = await asyncio.wait_for(answer, 30)
            except SeatrialError:
                assert fate in ("nan", "poison")
            else:
                assert fate == "fine"
                assert outputs[0][:, 0].tolist() == [2 * each for each in values]
        await bench.batcher.close()

    asyncio.run(story())
