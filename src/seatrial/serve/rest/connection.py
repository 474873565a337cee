"""One client's connection: requests parsed as they come, answers sent in order, limits kept.

HTTP/1.1 (RFC 9112) on httptools, without a framework: fronts in C++ and Rust were no faster here, because the
step into Python is what costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from seatrial.errors import SeatrialError, Unavailable
from seatrial.serve.access.tls import subject
from seatrial.serve.limits import Limits, Room
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.heads import Head, Heads, lasting
from seatrial.serve.status import Refusal

_GONE = httptools.HttpRequestParser(None)  # of a connection that ended
LINGER = 2.0  # seconds that a client which was refused midway has to read why
# Bytes beside its data that a chunked body may have: sizes of chunks, trailers. Clients that send byte by
# byte need six for each; a segment of the network may hold the beginning of what follows.
_FRAMING, _FRAMING_PER_BYTE = 1 << 19, 8


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    Args:
        handle: Called with each complete request; it or what it starts calls `Exchange.respond`.
        refuse: Answers a request that cannot be read, with the reason.
        limits: What is allowed.
        connections: The server's set of open connections; this one adds and removes itself.
        admit: Called with each request as soon as its head is there; raises when it may not go on;
            None: each may.
        room: For the bodies of all connections.
        heads: That connections of the same front and limits have parsed.
    """

    def __init__(
        self,
        handle: Callable[[Exchange], None],
        refuse: Callable[[Exchange, SeatrialError], None],
        limits: Limits,
        connections: set[Connection],
        *,
        admit: Callable[[Exchange], None] | None = None,
        room: Room | None = None,
        heads: Heads | None = None,
    ) -> None:
        self._handle, self._refuse, self.limits, self._all = handle, refuse, limits, connections
        self._admit, self.room = admit, room or Room(limits.memory)
        self._heads = heads or Heads()
        self._parsed: Head | None = None  # of the message that was parsed last, if it may come again
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._pending: deque[Exchange] = deque()
        self._now: Exchange | None = None  # the request that is being read
        self.peer = ""  # the name in the client's certificate, else its address
        self._url = b""
        self._content: bytes | bytearray = b""
        self._head = self._body = self._raw = 0
        self._in_head = False
        self._since = self._loop.time()  # when the state began that the timer judges
        self._deaf = False  # nothing more is read
        self._last = False  # the next answer is the last
        self._paused = self._stuck = False
        self._unread = 0  # bytes of answers that the client had not taken at the last look
        self._timer: asyncio.TimerHandle | None = None

    # -- asyncio's calls -------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else ""
        self.peer = subject(transport.get_extra_info("peercert")) or address
        if len(self._all) < self.limits.connections:
            self._all.add(self)
        else:
            self._refused(Unavailable(f"{len(self._all)} connections are open", hint="come again later"))
        self._tick()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: what it waits for is cancelled."""
        self._transport = None
        self._all.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        # What holds this and is held by it: without the collector's help they go at once.
        self._timer = None
        self._parser = _GONE
        pending, self._pending = self._pending, deque()
        for each in pending:
            each.lost()
        self._drop()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._deaf:
            return
        if self._now is None:
            end = data.find(b"\r\n\r\n") + 4
            head = self._heads.known.get(data[:end])
            if head is not None and len(data) == end + head.length:
                self._known(head, data)
                return
            self._parse(data)
            parsed, self._parsed = self._parsed, None
            if parsed is not None and self._now is None and not self._deaf:
                self._heads.learn(data, parsed)
        else:
            self._parse(data)
            self._parsed = None

    def _known(self, head: Head, data: bytes) -> None:
        """A whole request whose head came before: it was parsed, and found to be within the limits, then."""
        exchange = Exchange(self, time.monotonic(), head.headers.copy())
        exchange.method, exchange.path, exchange.query = head.method, head.path, head.query
        exchange.version = head.version
        self._since = self._loop.time()
        room, length = self.room, head.length
        try:
            if self._admit is not None:
                self._admit(exchange)
            if room.taken + length > room.size:
                raise _full()
        except SeatrialError as error:
            self._now = exchange
            self._refused(error)
            return
        if length:
            exchange.body = data[-length:]
            room.taken += length
            exchange.held = length
        exchange.close = self._deaf = self._last
        pending = self._pending
        pending.append(exchange)
        self._handle(exchange)
        if len(pending) >= self.limits.pipelined and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._only_http1()
        except httptools.HttpParserError as error:
            if not self._deaf:
                self._refused(Refusal("malformed", f"this is no HTTP/1.1: {error}"))
        if self._in_head and not self._deaf:
            self._head += len(data)
            self._watch_head()
        elif self._now is not None:
            self._raw += len(data)
            if self._raw > _FRAMING + _FRAMING_PER_BYTE * self._body:
                self._refused(Refusal("malformed", "the chunks of the body have hardly any data in them"))
        if len(self._pending) >= self.limits.pipelined and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read its answers: no more of its requests are read."""
        self._stuck, self._since = True, self._loop.time()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stuck, self._since = False, self._loop.time()
        if self._transport is not None and not self._paused:
            self._transport.resume_reading()

    # -- httptools' calls ------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._since = self._loop.time()
        self._now = Exchange(self, time.monotonic())
        self._url, self._content = b"", b""
        self._head = self._body = self._raw = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; trailers (RFC 9110, 6.5) are dropped: they could say what was asked for otherwise."""
        if self._now is not None and self._in_head:
            self._head += len(name) + len(value)
            self._now.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """All headers are there: is the request allowed to go on?"""
        self._in_head = False
        exchange = self._now
        if exchange is None or self._deaf:
            return
        self._begin(exchange)
        headers = exchange.headers
        limits, length = self.limits, int(headers.get(b"content-length", 0))
        if self._head + len(self._url) > limits.head or len(headers) > limits.headers:
            self._watch_head(forced=True)
            return
        if lasting(headers):
            self._parsed = Head(
                exchange.method, exchange.path, exchange.query, exchange.version, headers.copy(), length
            )
        if self._admit is not None:
            try:
                self._admit(exchange)
            except SeatrialError as error:
                self._refused(error)
                return
        if length > limits.body:
            self._too_large(f"the body has {length} bytes")
        elif self.room.taken + length > self.room.size:
            self._refused(_full())
        elif b"expect" in headers:
            self._expectation(headers[b"expect"])

    def _begin(self, exchange: Exchange) -> None:
        """Says what is asked, as soon as the head is there."""
        parser, url = self._parser, self._url
        exchange.method = parser.get_method().decode("ascii", "replace")
        exchange.version = parser.get_http_version()
        if url[:1] != b"/" and url != b"*":
            with contextlib.suppress(httptools.HttpParserInvalidURLError):
                parts = httptools.parse_url(url)
                url = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
        path, _, query = url.decode("latin-1").partition("?")
        exchange.path, exchange.query = path, query

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._deaf:
            return
        now, room, size = self._now, self.room, len(body)
        self._body += size
        if self._body > self.limits.body:
            self._too_large("the body goes on")
            return
        if now is None or room.taken + size > room.size:
            self._refused(_full())
            return
        room.taken += size  # as `Exchange.hold` does it; this is the way of every request
        now.held += size
        if not self._content:
            self._content = body  # most bodies come in one piece, and are not copied
        else:
            if isinstance(self._content, bytes):
                self._content = bytearray(self._content)
            self._content += body

    def on_message_complete(self) -> None:
        """A whole request."""
        exchange, self._now = self._now, None
        if exchange is None or self._deaf:
            return
        exchange.close = self._last or not self._parser.should_keep_alive()
        exchange.body, self._content = self._content, b""
        self._deaf = self._deaf or exchange.close
        self._pending.append(exchange)
        self._handle(exchange)

    # -- answers ---------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Sends the answers whose turn it is."""
        transport = self._transport
        if transport is None:
            return
        pending = self._pending
        while pending and pending[0].response is not None:
            exchange = pending.popleft()
            response = exchange.response or ()
            if len(response) == 1:
                transport.write(response[0])
            elif len(response) == 2:
                transport.write(response[0] + response[1])
            else:
                transport.writelines(response)
            if exchange.close:
                self._end()
                return
        if not pending and self._now is None:
            self._since = self._loop.time()
            if self._last:
                self._end()
                return
        if self._paused and len(pending) < self.limits.pipelined:
            self._paused, self._since = False, self._loop.time()
            if not self._stuck:
                transport.resume_reading()

    def shut(self) -> None:
        """The server stops: what is under way is answered, and then the connection ends."""
        self._last = True
        for each in self._pending:
            if each is self._pending[-1] and each.response is None:
                each.close = True
        if not self._pending and self._now is None:
            self._end()

    def abort(self) -> None:
        """Ends it at once."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self) -> None:
        """No more answers: our side is closed, and the client has a moment to read what was sent."""
        self._deaf, self._since = True, self._loop.time()
        self._drop()
        for each in self._pending:
            each.lost()
        self._pending.clear()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._refused_midway:
            if transport.can_write_eof():  # not in TLS: its client closes when it has read
                transport.write_eof()
            if not self._stuck:
                transport.resume_reading()
        else:
            transport.close()

    _refused_midway = False

    def _drop(self) -> None:
        """Lets go of a request that will not be complete."""
        exchange, self._now, self._content = self._now, None, b""
        if exchange is not None:
            exchange.release()

    def _refused(self, why: SeatrialError) -> None:
        """Answers what is not going to be read, in its turn, and ends the connection."""
        exchange = self._now or Exchange(self, time.monotonic())
        self._now, self._content, self._deaf, self._refused_midway = None, b"", True, True
        exchange.close = True
        self._pending.append(exchange)
        self._refuse(exchange, why)

    def _too_large(self, what: str) -> None:
        self._refused(
            Refusal(
                "too-large",
                f"{what}, at most {self.limits.body} are taken",
                hint="send smaller tensors, or raise --max-body",
            )
        )

    def _watch_head(self, *, forced: bool = False) -> None:
        if forced or self._head > self.limits.head:
            self._refused(
                Refusal(
                    "header-too-large",
                    f"the request's line and headers have more than {self.limits.head} bytes"
                    f" or {self.limits.headers} headers",
                )
            )

    def _expectation(self, value: bytes) -> None:
        if value.lower() != b"100-continue":
            self._refused(Refusal("expectation", "only 'Expect: 100-continue' is known"))
        elif not self._pending and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _only_http1(self) -> None:
        """The client wants another protocol. It is answered in this one, which RFC 9110 (7.8) allows."""
        if self._pending:
            self._pending[-1].close = True
        self._deaf = True
        if not self._pending and self._transport is not None and not self._transport.is_closing():
            self._end()

    # -- time ------------------------------------------------------------------------------------------------
    def _tick(self) -> None:
        """Looks at the clock now and then: one timer a connection, none a request."""
        if self._transport is None:
            return
        unread = self._transport.get_write_buffer_size()
        if unread < self._unread:
            self._since = self._loop.time()  # it reads, however slowly
        self._unread = unread
        limits, spent = self.limits, self._loop.time() - self._since
        if unread or (self._deaf and not self._pending):
            if spent > (limits.idle if unread else LINGER):
                self._transport.abort()
                return
        elif self._now is not None and not self._paused:
            if spent > limits.slow + self._body / limits.slowest:
                self._refused(Refusal("slow", f"the request did not arrive within {spent:.0f} s"))
        elif not self._pending and spent > limits.idle:
            self._transport.close()
            return
        pause = max(0.01, min(limits.idle, limits.slow, LINGER) / 2)
        self._timer = self._loop.call_later(pause, self._tick)


def _full() -> Unavailable:
    return Unavailable("the requests under way take all the memory there is for them", hint="try again later")


async def shut_all(
    connections: set[Connection], grace: float, *, hurried: Callable[[], bool] = lambda: False
) -> None:
    """Lets clients have the answers that are under way; who is not ready in time is put out.

    Args:
        connections: All there are; each takes itself out when it ends.
        grace: Seconds that they have.
        hurried: Whether to wait no longer.
    """
    for each in list(connections):
        each.shut()
    until = time.monotonic() + grace
    while connections and time.monotonic() < until and not hurried():
        await asyncio.sleep(0.01)
    for each in list(connections):
        each.abort()
