"""A server's life: listen, serve, and on a signal finish what was begun."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import resource
import signal
from collections.abc import Callable
from typing import Any, Protocol

from seatrial.errors import Unavailable
from seatrial.serve.access.tls import Tls
from seatrial.serve.limits import Limits
from seatrial.serve.rest.connection import shut_all
from seatrial.serve.rest.front import RestFront
from seatrial.serve.service import InferenceService

GRACE = 30.0  # seconds that requests under way have when the server stops
BACKLOG = 1024
COLLECT_AFTER = 20_000  # objects more than there were; 700 is Python's own figure
_OTHER_FILES = 512  # models, engines, logs; connections that are being refused
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Front(Protocol):
    """A front beside REST."""

    async def stop(self, grace: float) -> None:
        """Takes nothing new, and returns when what is under way is answered or has had so many seconds.

        It may be called again with less.
        """
        ...


class Server:
    """A front that listens.

    Args:
        service: With its models loaded.
        front: Answers the requests.
        tls: What connections are wrapped in; None: nothing.
    """

    def __init__(self, service: InferenceService, front: RestFront, *, tls: Tls | None = None) -> None:
        self._service, self._front, self._tls = service, front, tls
        self._server: asyncio.Server | None = None
        self._hurry = False
        self._others: list[Front] = []
        service.repository.watch(front.instruments.watch)

    async def start(self, host: str = "127.0.0.1", port: int = 8000) -> str:
        """Listens, and returns the address; port 0 takes a free one.

        Raises:
            Unavailable: The address cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await listen(loop, self._front, host, port, tls=self._tls)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                hint="take another --port, or stop what listens there",
            ) from error
        bound = self._server.sockets[0].getsockname()
        return url_of(bound, tls=self._tls)

    def also(self, front: Front) -> None:
        """Another front, which listens already and ends with this server."""
        self._others.append(front)

    async def stop(self, grace: float = GRACE) -> None:
        """Takes no more connections, answers what is under way, ends the engines.

        Args:
            grace: Seconds that what is under way has.
        """
        self._service.stop_being_ready()
        await asyncio.gather(self._shut(grace), self._stop_others(grace))
        await self._service.close()
        if self._server is not None:
            await self._server.wait_closed()
        await asyncio.to_thread(self._front.instruments.close)

    async def _stop_others(self, grace: float) -> None:
        stopping = asyncio.gather(*(each.stop(grace) for each in self._others))
        while not stopping.done() and not self._hurry:
            await asyncio.sleep(0.01)
        await asyncio.gather(stopping, *(each.stop(0) for each in self._others))

    async def _shut(self, grace: float) -> None:
        if self._server is not None:
            self._server.close()
        await shut_all(self._front.connections, grace, hurried=lambda: self._hurry)

    def hurry(self) -> None:
        """Makes a `stop` that waits end now."""
        self._hurry = True


class Listening(Protocol):
    """What `listen` needs of a front."""

    limits: Limits

    def protocol(self) -> asyncio.Protocol:
        """For one new connection."""
        ...


async def listen(
    loop: asyncio.AbstractEventLoop,
    front: Listening,
    host: str,
    port: int,
    *,
    tls: Tls | None = None,
    shared: bool = False,
) -> asyncio.Server:
    """Listens for a front's clients.

    Args:
        loop: That runs.
        front: Takes the connections.
        host: Where.
        port: Likewise; 0: a free one.
        tls: What connections are wrapped in; None: nothing.
        shared: Whether other processes listen there as well.

    Raises:
        OSError: The address cannot be had.
    """
    allow_files(front.limits.connections)

    def protocol() -> asyncio.Protocol:
        if tls is not None:
            tls.look()
        return front.protocol()

    return await loop.create_server(
        protocol,
        host,
        port,
        backlog=BACKLOG,
        reuse_port=shared or None,
        ssl=None if tls is None else tls.context,
        ssl_handshake_timeout=None if tls is None else front.limits.slow,
    )


def allow_files(connections: int) -> None:
    """Lets this process open as many files as so many connections need, as far as it may.

    Shells begin with 1024, which a server of that many connections has used up before it can say so.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def url_of(address: tuple[Any, ...], *, tls: Tls | None) -> str:
    """The URL of a socket's address."""
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{'http' if tls is None else 'https'}://{shown}:{address[1]}"


async def until_signalled(
    server: Server,
    *,
    told: Callable[[str], None] = lambda _: None,
    hung_up: Callable[[], None] = lambda: None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Waits for SIGTERM or SIGINT, then stops the server; a second signal does not wait for anybody.

    Args:
        server: That listens.
        told: The name of the signal.
        hung_up: Called at each SIGHUP, which stops nothing.
        ready: Called once signals are heeded: who is told earlier may send one that kills.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def signalled(name: str) -> None:
        if stop.is_set():
            server.hurry()
        else:
            told(name)
            stop.set()

    for each in _SIGNALS:
        loop.add_signal_handler(each, signalled, each.name)
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    try:
        ready()
        await stop.wait()
        await server.stop()
    finally:
        for each in (*_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(each)


def settle() -> None:
    """Tells the garbage collector that what is loaded now stays, and to look less often.

    For a process that does nothing but serve. Answered requests leave no cycles behind, so that a look finds
    nothing and costs each request 5 % of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def give_back() -> None:
    """Gives the system what a version that is gone held, and what a crowd of requests needed once.

    The C library keeps freed memory that lies between what is in use: a server that lives for months would
    grow to its worst minute.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
    if trim is not None:
        trim(0)
