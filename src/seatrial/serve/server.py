"""A server's life: listen, serve, and on a signal finish what was begun."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from seatrial.errors import Unavailable
from seatrial.serve.http import RestFront
from seatrial.serve.service import InferenceService

GRACE = 30.0  # seconds that requests under way have when the server stops
BACKLOG = 1024
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Server:
    """A front that listens.

    Args:
        service: With its models loaded.
        front: Answers the requests.
    """

    def __init__(self, service: InferenceService, front: RestFront) -> None:
        self._service, self._front = service, front
        self._server: asyncio.Server | None = None
        for model in service.models:
            front.instruments.watch(model)

    async def start(self, host: str = "127.0.0.1", port: int = 8000) -> str:
        """Listens, and returns the address; port 0 takes a free one.

        Raises:
            Unavailable: The address cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._front.protocol, host, port, backlog=BACKLOG)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                hint="take another --port, or stop what listens there",
            ) from error
        bound = self._server.sockets[0].getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        return f"http://{shown}:{bound[1]}"

    async def stop(self, grace: float = GRACE) -> None:
        """Takes no more connections, answers what is under way, ends the engines."""
        self._service.stop_being_ready()
        if self._server is not None:
            self._server.close()
        connections = self._front.connections
        for each in list(connections):
            each.shut()
        until = asyncio.get_running_loop().time() + grace
        while connections and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.01)
        for each in list(connections):
            each.abort()
        await self._service.drain()
        if self._server is not None:
            with suppress(asyncio.CancelledError):
                await self._server.wait_closed()


async def until_signalled(server: Server, *, told: Callable[[str], None] = lambda _: None) -> None:
    """Waits for SIGTERM or SIGINT, then stops the server; a second signal does not wait for anybody."""
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[str] = asyncio.Queue()
    for each in _SIGNALS:
        loop.add_signal_handler(each, signals.put_nowait, each.name)
    try:
        told(await signals.get())
        stopping = loop.create_task(server.stop())
        again = loop.create_task(signals.get())
        await asyncio.wait({stopping, again}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            stopping.cancel()
            with suppress(asyncio.CancelledError):
                await stopping
            await server.stop(grace=0.0)
        again.cancel()
        with suppress(asyncio.CancelledError):
            await again
        if stopping.done() and not stopping.cancelled():
            stopping.result()
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
