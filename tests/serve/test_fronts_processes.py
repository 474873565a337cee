"""Fronts as real processes: one port, one that is killed is replaced, and an end that loses nobody."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from seatrial.errors import Unavailable
from seatrial.serve.fronts.pool import FrontsServer, reserved
from seatrial.serve.model import ServedModel
from seatrial.serve.rest.front import RestFront
from seatrial.serve.service import InferenceService
from support.served import Rest, infer_body, loaded

INFER = "/v2/models/double/infer"
pytestmark = pytest.mark.slow  # each test starts two processes


@asynccontextmanager
async def processes(model: ServedModel) -> AsyncIterator[tuple[FrontsServer, Rest]]:
    service = InferenceService(threads=2)
    service.repository.add(model)
    front = RestFront(service)
    server = FrontsServer(service, front, count=2)
    address = await server.start(port=0)
    try:
        yield server, Rest(service, front, server, int(address.rpartition(":")[2]))
    finally:
        server.hurry()
        await server.stop(grace=0)


async def met(rest: Rest) -> None:
    """Asks until a new connection is answered."""
    for _ in range(200):
        try:
            answer = await rest.ask("POST", INFER, infer_body(21))
        except (OSError, EOFError):
            await asyncio.sleep(0.05)
            continue
        assert answer.json["outputs"][0]["data"] == [42]
        return
    pytest.fail("nobody answers")


async def test_both_fronts_answer_and_one_that_is_killed_is_replaced() -> None:
    model, sessions = await loaded(max_batch_size=32, max_queue_delay=0.002, seconds=0.001)
    async with processes(model) as (server, rest):
        before = server.pids
        assert len(before) == 2
        lines = [await rest.line() for _ in range(40)]
        for number, line in enumerate(lines):
            line.ask("POST", INFER, infer_body(number))
        for number, line in enumerate(lines):
            assert (await line.answer()).json["outputs"][0]["data"] == [2 * number]
            line.writer.close()
        served = [psutil.Process(pid).cpu_times().user for pid in before]
        assert all(seconds > 0 for seconds in served)
        assert max(sessions[0].batches) > 1
        os.kill(before[0], signal.SIGKILL)
        for _ in range(200):
            if len(server.pids) == 2 and before[0] not in server.pids:
                break
            await asyncio.sleep(0.05)
        assert before[1] in server.pids
        await met(rest)


async def test_the_end_lets_everybody_have_their_answer() -> None:
    model, _ = await loaded(seconds=0.3)
    async with processes(model) as (server, rest):
        started = list(server._processes.values())
        asked = [asyncio.create_task(rest.ask("POST", INFER, infer_body(number))) for number in range(8)]
        idle = await rest.line()
        await asyncio.sleep(0.15)
        await asyncio.wait_for(server.stop(grace=5), 30)
        assert [(await each).status for each in asked] == [200] * 8
        assert await idle.closed()
        idle.writer.close()
        assert [each.returncode for each in started] == [0, 0]


async def test_a_front_that_is_asked_to_end_is_replaced_without_losing_anybody() -> None:
    model, _ = await loaded(seconds=0.2)
    async with processes(model) as (server, rest):
        first = server.pids[0]
        asked = [asyncio.create_task(rest.ask("POST", INFER, infer_body(number))) for number in range(8)]
        await asyncio.sleep(0.1)
        os.kill(first, signal.SIGTERM)
        assert [(await each).status for each in asked] == [200] * 8
        await met(rest)


async def test_fronts_do_not_outlive_their_server() -> None:
    model, _ = await loaded()
    async with processes(model) as (server, _):
        started = list(server._processes.items())
        for hub, _ in started:
            hub.line._transport.abort()  # as when the server's process is gone
        assert [await asyncio.wait_for(each.wait(), 30) for _, each in started] == [1, 1]


async def test_a_taken_port_is_told() -> None:
    async def nobody(*_: object) -> None: ...

    other = await asyncio.start_server(nobody, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable, match="cannot listen"):
        reserved("127.0.0.1", port)
    other.close()
    await other.wait_closed()
    held = reserved("127.0.0.1", port)
    assert held.getsockname()[1] == port
    held.close()
