"""Inference over one stream: many requests under way at once, answers in the order of the requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

One = Callable[[bytes], Awaitable[bytes]]


async def streamed(requests: AsyncIterator[bytes], one: One, *, most: int) -> AsyncIterator[bytes]:
    """Answers a stream.

    When the client goes away, what is under way is cancelled.

    Args:
        requests: As they come.
        one: Answers one of them; its errors are answers too.
        most: Requests that may be under way; above, no more are read.
    """
    begun: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue(most)
    tasks: set[asyncio.Task[bytes]] = set()

    async def read() -> None:
        try:
            async for raw in requests:
                task = asyncio.ensure_future(one(raw))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                await begun.put(task)
        finally:
            await begun.put(None)

    reader = asyncio.ensure_future(read())
    try:
        while (task := await begun.get()) is not None:
            yield await task
        await reader  # the stream broke off: say so
    finally:
        for each in (reader, *tasks):
            each.cancel()
