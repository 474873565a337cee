"""A server's life: where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import weakref

import pytest

from seatrial.errors import Unavailable
from seatrial.serve.rest.front import RestFront
from seatrial.serve.server import Server, give_back, until_signalled
from seatrial.serve.service import InferenceService
from support.served import infer_body, loaded, rest

INFER = "/v2/models/double/infer"


async def test_a_taken_port_is_told() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        other = Server(InferenceService(threads=1), RestFront(InferenceService(threads=1)))
        with pytest.raises(Unavailable, match="cannot listen"):
            await other.start(port=server.port)
        await other.stop()


async def test_a_signal_finishes_what_was_begun() -> None:
    model, _ = await loaded(seconds=0.2)
    told: list[str] = []
    async with rest(model) as server:
        waiting = asyncio.create_task(until_signalled(server.server, told=told.append))
        asked = asyncio.create_task(server.ask("POST", INFER, infer_body(1)))
        await asyncio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(waiting, 30)
        assert told == ["SIGTERM"]
        assert (await asked).status == 200
        assert not server.service.ready
        assert not server.front.connections


async def test_a_second_signal_waits_for_nobody() -> None:
    model, _ = await loaded(seconds=60)
    async with rest(model) as server:
        waiting = asyncio.create_task(until_signalled(server.server))
        line = await server.line()
        line.ask("POST", INFER, infer_body(1))
        await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.05)
        assert not waiting.done()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(waiting, 30)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await line.answer()
        line.writer.close()


async def test_readiness_ends_before_the_door_is_closed() -> None:
    model, _ = await loaded()
    async with rest(model) as server, await server.line() as line:
        server.service.stop_being_ready()
        line.ask("GET", "/v2/health/ready")
        assert (await line.answer()).status == 503
        line.ask("GET", "/v2/health/live")
        assert (await line.answer()).status == 200


async def test_hanging_up_stops_nothing() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        heard: list[str] = []
        waiting = asyncio.create_task(until_signalled(server.server, hung_up=lambda: heard.append("again")))
        await asyncio.sleep(0)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            while not heard:
                await asyncio.sleep(0)
            assert heard.pop() == "again"
        assert (await server.ask("POST", INFER, infer_body(1))).status == 200
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(waiting, 30)


def test_what_is_given_back_is_gone() -> None:
    class Kept:
        pass

    one, other = Kept(), Kept()
    one.other, other.one = other, one  # type: ignore[attr-defined]
    seen = weakref.ref(one)
    del one, other
    give_back()
    assert seen() is None


@pytest.mark.parametrize("gone", ["answered", "asking"])
async def test_a_connection_that_ended_is_gone_at_once(gone: str) -> None:
    """A server looks for garbage seldom: what every client leaves behind must need no looking for."""
    model, _ = await loaded(seconds=0.3 if gone == "asking" else 0.0)
    gc.collect()
    gc.disable()
    try:
        async with rest(model) as server:
            line = await server.line()
            line.ask("POST", INFER, infer_body(1))
            if gone == "answered":
                await line.answer()
            else:
                await asyncio.sleep(0.1)
            (connection,) = server.front.connections
            seen = weakref.ref(connection)
            del connection
            line.writer.close()
            for _ in range(100):
                await asyncio.sleep(0.01)
                if seen() is None:
                    break
            holders = gc.get_referrers(seen()) if seen() is not None else []
            assert seen() is None, [type(each) for each in holders]
    finally:
        gc.enable()
