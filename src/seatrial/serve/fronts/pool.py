"""`--fronts K`: processes that speak with clients, all on one port, and a server that answers them.

The kernel hands each new connection to one of them (SO_REUSEPORT). They read HTTP and JSON, which is what
costs in a server of small models; models, queues and engines stay in this process, so that requests of all
fronts meet in one batch. A front that dies takes its connections with it and is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import orjson

from seatrial.errors import Unavailable
from seatrial.serve.access.tls import Tls
from seatrial.serve.fronts.frames import Kind
from seatrial.serve.fronts.hub import Hub
from seatrial.serve.fronts.memory import create
from seatrial.serve.fronts.models import Offer
from seatrial.serve.rest.front import RestFront
from seatrial.serve.server import Server, url_of
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Access
from seatrial.serve.watching.processes import front_families

FIRST_PAUSE = 0.1  # seconds before a front that died is replaced; doubles each time
LONGEST_PAUSE = 10.0
STEADY = 30.0  # seconds of life after which a front's earlier deaths are forgiven
UNTIL_LISTENING = 60.0  # seconds
_MODULE = "seatrial.serve.fronts.process"

_log = logging.getLogger("seatrial.serve")


class FrontsServer(Server):
    """A server whose clients are met by processes of their own.

    Args:
        service: With its models loaded.
        front: Answers what fronts pass on, and counts for all of them.
        count: How many.
        access: Who may ask; each front finds that out for itself.
        tls: Made of the same files as the fronts' own.
    """

    def __init__(
        self,
        service: InferenceService,
        front: RestFront,
        *,
        count: int,
        access: Access | None = None,
        tls: Tls | None = None,
    ) -> None:
        super().__init__(service, front, tls=tls)
        self._access = access or Access()
        self._count = count
        self._offer = Offer(service.repository)
        self._hubs: set[Hub] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._processes: dict[Hub, asyncio.subprocess.Process] = {}
        self._reserved: socket.socket | None = None
        self._settings: Mapping[str, Any] = {}
        self._stopping = self._telling = False
        service.repository.watch(lambda _: self._changed())
        for each in front_families(lambda: self.pids):
            front.instruments.add(each)

    @property
    def pids(self) -> list[int]:
        """Of the fronts."""
        return [each.pid for each in self._processes.values()]

    async def start(self, host: str = "127.0.0.1", port: int = 8000) -> str:
        """Starts the fronts and returns the address once all of them listen; port 0 takes a free one.

        Raises:
            Unavailable: The address cannot be had.
        """
        self._reserved = reserved(host, port)
        address = self._reserved.getsockname()
        limits = self._front.limits
        each = replace(
            limits, connections=-(-limits.connections // self._count), memory=limits.memory // self._count
        )
        self._settings = {
            "host": address[0],
            "port": address[1],
            "limits": asdict(each),
            "access": self._access.model_dump(mode="json"),
        }
        loop = asyncio.get_running_loop()
        listening = [loop.create_future() for _ in range(self._count)]
        self._keepers = [loop.create_task(self._keep(each)) for each in listening]
        try:
            await asyncio.wait_for(asyncio.gather(*listening), UNTIL_LISTENING)
        except TimeoutError as error:
            await self._shut(0)
            raise Unavailable("the fronts do not start", hint="their messages say why") from error
        except BaseException:
            await self._shut(0)
            raise
        return url_of(address, tls=self._tls)

    async def _shut(self, grace: float) -> None:
        self._stopping = True
        for hub in self._hubs:
            hub.line.send(Kind.DRAIN, said=orjson.dumps(grace))
        loop = asyncio.get_running_loop()
        until = loop.time() + grace + 1.0
        while self._processes and loop.time() < until and not self._hurry:
            await asyncio.sleep(0.01)
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for each in self._keepers:
            each.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for process in list(self._processes.values()):
            await process.wait()
        self._processes.clear()
        if self._reserved is not None:
            self._reserved.close()

    def _changed(self) -> None:
        """Tells the fronts of the models, once for all changes of this turn of the loop."""
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = False
        table = self._offer.table()
        for hub in self._hubs:
            hub.line.send(Kind.MODELS, said=table)

    async def _keep(self, listening: asyncio.Future[None]) -> None:
        """Keeps one front going."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            born = loop.time()
            hub = await self._spawn(listening)
            code = await self._processes[hub].wait()
            del self._processes[hub]
            hub.line.close()
            if not listening.done():
                listening.set_exception(Unavailable(f"a front ended at its start, with code {code}"))
            if self._stopping:
                return
            _log.error("a front ended with code %s; another one takes its place", code)
            pause = FIRST_PAUSE if loop.time() - born > STEADY else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _spawn(self, listening: asyncio.Future[None]) -> Hub:
        """A new front, and the hub it speaks to."""
        ours, theirs = socket.socketpair()
        requests, answers = create("seatrial-requests"), create("seatrial-answers")
        handed = (theirs.fileno(), requests, answers)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _MODULE, *map(str, handed),
                pass_fds=handed, stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the server, which lets its fronts finish
            )  # fmt: skip
            hub = Hub(
                self._service,
                self._front,
                self._offer,
                listening=lambda told: _listens(listening, told),
                lost=lambda: self._hubs.discard(hub),
                ours=answers,
                theirs=requests,
            )
        finally:
            theirs.close()
            for each in (requests, answers):
                os.close(each)
        self._hubs.add(hub)
        self._processes[hub] = process
        await asyncio.get_running_loop().create_unix_connection(lambda: hub.line, sock=ours)
        hub.line.send(Kind.SETTINGS, said=orjson.dumps(self._settings))
        hub.line.send(Kind.MODELS, said=self._offer.table())
        return hub


def _listens(listening: asyncio.Future[None], told: str) -> None:
    if listening.done():
        return
    if told:
        listening.set_exception(Unavailable(told, hint="take another --port, or stop what listens there"))
    else:
        listening.set_result(None)


def reserved(host: str, port: int) -> socket.socket:
    """A socket that holds an address for fronts to listen on, and does not listen itself.

    Raises:
        Unavailable: Somebody else has it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as asked:
            # Alone first: with SO_REUSEPORT another server's port would be had, and shared with it.
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            asked.bind(address)
            address = asked.getsockname()
        held = socket.socket(family, kind, protocol)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="take another --port, or stop what listens there",
        ) from error
    return held
