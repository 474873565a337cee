"""Requests that are under way: how much they hold, and an end that waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from seatrial.errors import Unavailable
from seatrial.serve.limits import Room

LINGER = 0.3  # seconds in which those who still come are told


class Door:
    """Lets requests in as long as there is room, and none once it is shut.

    grpc has a shutdown of its own, but that one cancels calls which a client sent before it heard of it: it
    would read CANCELLED, which nobody repeats elsewhere, where UNAVAILABLE is meant.

    Args:
        room: For the messages of all requests; fronts of one server share it.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._inside = 0
        self._shut = self._hurry = False

    @contextmanager
    def inside(self, raw: bytes) -> Iterator[None]:
        """For as long as a request is under way.

        Raises:
            Unavailable: The server stops, or has no room for the message.
        """
        if self._shut:
            raise Unavailable("the server is shutting down", hint="ask another one")
        if not self._room.take(len(raw)):
            raise Unavailable("there is no memory left for this message", hint="try again later")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._room.give(len(raw))

    async def shut(self, grace: float) -> None:
        """Lets nobody in any more, and waits so many seconds for those inside; a second call may hurry it."""
        loop = asyncio.get_running_loop()
        self._hurry, self._shut = self._shut and not grace, True
        until = loop.time() + grace
        told = loop.time() + min(grace, LINGER)
        while (self._inside or loop.time() < told) and loop.time() < until and not self._hurry:
            await asyncio.sleep(0.01)
