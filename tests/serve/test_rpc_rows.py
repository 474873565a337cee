"""Answers over gRPC are row-exact: whatever is cancelled, late or refused meanwhile, each gets its own."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from itertools import count

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.utils import InferenceServerException

from support.rpc_served import Rpc, column, rpc
from support.served import loaded

ROWS = 8


@dataclass(frozen=True)
class Ask:
    """One request of a client: how many rows, after how long, and what becomes of it."""

    rows: int
    after: float
    leaves: float | None
    timeout: int | None
    streamed: bool


ASKS = st.lists(
    st.builds(
        Ask,
        rows=st.integers(1, ROWS + 1),
        after=st.floats(0, 0.02),
        leaves=st.none() | st.floats(0, 0.02),
        timeout=st.none() | st.integers(1, 30_000),
        streamed=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


async def asked(server: Rpc, ask: Ask, first: int) -> str:
    """What became of one request; its rows are numbers that no other request has."""
    await asyncio.sleep(ask.after)
    values = [float(first + row) for row in range(ask.rows)]
    work = asyncio.ensure_future(_streamed(server, values) if ask.streamed else _plain(server, ask, values))
    if ask.leaves is not None:
        asyncio.get_running_loop().call_later(ask.leaves, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            answer = await work
        except InferenceServerException as error:
            return str(error.status() or "refused in a stream")
        assert answer == [2 * value for value in values]
        return "answered"
    return "left"


async def _plain(server: Rpc, ask: Ask, values: list[float]) -> list[float]:
    return await server.double(*values, timeout=ask.timeout)


async def _streamed(server: Rpc, values: list[float]) -> list[float]:
    """Each row by itself through one stream."""

    async def requests():  # type: ignore[no-untyped-def] # the client's own dictionaries
        for value in values:
            yield {"model_name": "double", "inputs": [column(value)]}

    answers = [each async for each in server.client.stream_infer(requests())]
    for _, error in answers:
        if error is not None:
            raise error
    return [float(answer.as_numpy("y").item()) for answer, _ in answers]


@settings(max_examples=15)
@given(asks=ASKS)
def test_each_gets_its_own_rows(asks: list[Ask]) -> None:
    async def scene() -> list[str]:
        model, (session,) = await loaded(
            seconds=0.003, max_batch_size=ROWS, max_queue_delay=0.002, max_queue_size=40
        )
        numbers = count(1, ROWS + 2)
        async with rpc(model) as server:
            told = await asyncio.gather(*(asked(server, ask, next(numbers)) for ask in asks))
            assert await server.double(7) == [14]  # and it still serves
        assert not len(model.batcher.queue)
        assert max(session.batches) <= ROWS
        return told

    told = asyncio.run(scene())
    known = {
        "answered", "left", "refused in a stream", "StatusCode.INVALID_ARGUMENT", "StatusCode.UNAVAILABLE",
        "StatusCode.DEADLINE_EXCEEDED",
    }  # fmt: skip
    assert set(told) <= known
    for ask, became in zip(asks, told, strict=True):
        if ask.rows <= ROWS and ask.leaves is None and ask.timeout is None:
            assert became in ("answered", "StatusCode.UNAVAILABLE", "refused in a stream")
        if ask.rows > ROWS and not ask.streamed and ask.leaves is None:
            assert became == "StatusCode.INVALID_ARGUMENT"


async def test_many_clients_at_once() -> None:
    """Joined batches are taken apart again: 2,000 requests of 1 to 4 rows, 64 under way at a time."""
    model, (session,) = await loaded(max_batch_size=32, max_queue_delay=0.001, max_queue_size=4096)
    random = np.random.default_rng(5)
    async with rpc(model) as server:
        door = asyncio.Semaphore(64)

        async def one(number: int) -> None:
            values = [number * 10.0 + row for row in range(int(random.integers(1, 5)))]
            async with door:
                assert await server.double(*values) == [2 * value for value in values]

        await asyncio.gather(*map(one, range(2000)))
    assert len(session.batches) < 2000  # they were joined, or nothing was tried
