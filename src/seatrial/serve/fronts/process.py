"""The program of one front: `python -m seatrial.serve.fronts.process LINE REQUESTS ANSWERS`.

The arguments are descriptors that the server hands down: a socket to it and two stretches of shared memory.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import orjson

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.serve.access.doors import gate_of, tls_of
from seatrial.serve.fronts.frames import Frame, Kind
from seatrial.serve.fronts.front import ForwardingFront
from seatrial.serve.fronts.line import Line
from seatrial.serve.fronts.models import targets
from seatrial.serve.limits import Limits, Room
from seatrial.serve.rest.connection import shut_all
from seatrial.serve.server import GRACE, listen, settle
from seatrial.serve.settings import Access


class FrontProcess:
    """The life of a front: it listens when it is told to, and ends when it is told to or left alone.

    Args:
        requests: Descriptor of the shared memory for requests.
        answers: Likewise for answers.
    """

    def __init__(self, requests: int, answers: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.line = Line(self._received, self._lost, ours=requests, theirs=answers)
        self._front = ForwardingFront(self.line, limits=Limits())
        self._server: asyncio.Server | None = None
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self.code = 0

    async def run(self, line: socket.socket) -> int:
        """Serves until the end, and returns the exit code."""
        self._loop.add_signal_handler(signal.SIGINT, lambda: None)
        self._loop.add_signal_handler(signal.SIGTERM, self._drain, GRACE)
        await self._loop.create_unix_connection(lambda: self.line, sock=line)
        await self._ended.wait()
        return self.code

    def _received(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.ANSWER | Kind.RESPONSE:
                self._front.answered(frame)
            case Kind.MODELS:
                self._front.targets = targets(frame.said)
            case Kind.SETTINGS:
                self._begin(self._listen(frame.told()))
            case Kind.DRAIN:
                self._drain(frame.told())

    def _lost(self) -> None:
        """The server is gone: there is nobody to ask."""
        if not self._draining:
            self.code = 1
        for each in list(self._front.connections):
            each.abort()
        self._ended.set()

    def _begin(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, settings: dict[str, Any]) -> None:
        access = Access.model_validate(settings["access"])
        self._front.limits = Limits(**settings["limits"])
        self._front.room = Room(self._front.limits.memory)
        host, port = settings["host"], settings["port"]
        told = ""
        try:
            self._front.gate = gate_of(access)
            self._server = await listen(self._loop, self._front, host, port, tls=tls_of(access), shared=True)
        except UsageError as error:
            told = error.message
        except OSError as error:
            told = f"cannot listen on {host}:{port}: {error.strerror or error}"
        settle()
        self.line.send(Kind.LISTENING, said=orjson.dumps(told))

    def _drain(self, grace: float) -> None:
        if not self._draining:
            self._draining = True
            self._begin(self._finish(grace))

    async def _finish(self, grace: float) -> None:
        """Takes no more connections, lets those that are there have their answers, and ends."""
        if self._server is not None:
            self._server.close()
        await shut_all(self._front.connections, grace)
        self.line.close()
        self._ended.set()


async def _serve(line: int, requests: int, answers: int) -> int:
    process = FrontProcess(requests, answers)
    for each in (requests, answers):
        os.close(each)
    return await process.run(socket.socket(fileno=line))


def main(arguments: list[str]) -> int:
    """Runs a front; returns its exit code."""
    uvloop = lazy.load("uvloop", extra="serve")
    code: int = uvloop.run(_serve(*map(int, arguments)))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
