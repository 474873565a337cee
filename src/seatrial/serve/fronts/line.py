"""One end of the line between a front and the hub: frames in, frames out, one write a turn of the loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import cast

from seatrial.serve.fronts.frames import BrokenLine, Frame, Kind, Unpacker, pack
from seatrial.serve.fronts.memory import Reader, Writer

_log = logging.getLogger("seatrial.serve")


class Line(asyncio.Protocol):
    """The protocol of a stream socket whose other end has one as well.

    Args:
        received: Told each frame.
        lost: Called when the other side is gone.
        ours: Shared memory that this side writes; None: everything goes through the socket.
        theirs: Shared memory that the other side writes.
    """

    def __init__(
        self,
        received: Callable[[Frame], None],
        lost: Callable[[], None],
        *,
        ours: int | None = None,
        theirs: int | None = None,
    ) -> None:
        self._received, self._lost = received, lost
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._writer = None if ours is None else Writer(ours)
        reader = None if theirs is None else Reader(theirs, self._freed)
        self._unpacker = Unpacker(reader)
        self._out: list[bytes | memoryview] = []
        self._transport: asyncio.Transport | None = None

    @property
    def shared(self) -> int:
        """How many tensors of this side lie in shared memory."""
        return self._writer.places.taken if self._writer is not None else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is there."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._transport = None
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        try:
            for frame in self._unpacker.feed(data):
                if frame.kind == Kind.FREE:
                    self._freed_there(frame.number)
                else:
                    self._received(frame)
        except BrokenLine:
            _log.exception("a line between two of our own processes is broken")
            self.close()

    def send(
        self,
        kind: Kind,
        number: int = 0,
        *,
        stamp: float = 0.0,
        layout: bytes = b"",
        said: bytes = b"",
        chunks: Sequence[bytes | memoryview] = (),
    ) -> None:
        """Sends one frame at the end of this turn of the loop."""
        if self._transport is None:
            return
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out += pack(Frame(kind, number, stamp, layout, said), chunks, self._writer)

    def close(self) -> None:
        """Sends what is to be sent and ends the line."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def flush(self) -> None:
        """Sends what is to be sent now."""
        out, self._out = self._out, []
        if out and self._transport is not None:
            self._transport.write(b"".join(out))

    def _freed(self, start: int) -> None:
        if threading.get_ident() == self._thread:
            self.send(Kind.FREE, start // _UNIT)
        elif not self._loop.is_closed():  # the last who looked was a thread that prepares payloads
            self._loop.call_soon_threadsafe(self.send, Kind.FREE, start // _UNIT)

    def _freed_there(self, number: int) -> None:
        if self._writer is not None:
            self._writer.places.give(number * _UNIT)


_UNIT = 64  # places begin at multiples of it, so that their numbers fit a frame's
