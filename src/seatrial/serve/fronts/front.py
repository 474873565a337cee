"""A front in a process of its own: it speaks HTTP and v2 with clients, and asks the hub.

What plainly is an inference goes to the hub as checked tensors, and its answer is written here. Everything
else goes to the hub as it came and is answered there, so that nothing is done in two ways.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import orjson

from seatrial.contract import TensorSpec
from seatrial.errors import SeatrialError
from seatrial.serve import v2
from seatrial.serve.access.guard import Gate
from seatrial.serve.fronts.frames import Frame, Kind, chunk_of, layout_of
from seatrial.serve.fronts.line import Line
from seatrial.serve.fronts.models import Target
from seatrial.serve.limits import Limits, Room
from seatrial.serve.rest.connection import Connection
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.front import admitted
from seatrial.serve.rest.tensors import header_length, write_outputs

# Of a checked inference the hub needs the others: routes go by them.
_READ_HERE = frozenset(
    (b"host", b"content-length", b"content-type", b"accept", b"accept-encoding", b"user-agent", b"connection")
)


class ForwardingFront:
    """Answers HTTP requests with what the hub says.

    Args:
        line: To the hub.
        limits: What a client may take.
        gate: Says who may ask.
    """

    def __init__(self, line: Line, *, limits: Limits, gate: Gate | None = None) -> None:
        self._line, self.limits = line, limits
        self.gate, self.room = gate or Gate(), Room(limits.memory)
        self.connections: set[Connection] = set()
        self.targets: Mapping[str, Target] = {}
        self._asked: dict[int, tuple[Exchange, v2.InferRequest | None]] = {}
        self._number = 0

    def protocol(self) -> Connection:
        """A protocol for one new connection."""
        admit = partial(admitted, self.gate) if self.gate.closed else None
        return Connection(
            self.handle, self.refuse, self.limits, self.connections, admit=admit, room=self.room
        )

    def handle(self, exchange: Exchange) -> None:
        """Sends one request to the hub."""
        target = self.targets.get(exchange.path) if exchange.method == "POST" else None
        if target is None or not self._infer(exchange, target):
            self._whole(exchange)

    def refuse(self, exchange: Exchange, why: SeatrialError) -> None:
        """Answers a request that could not be read, and tells the hub."""
        call = exchange.call
        call.identify(exchange.headers)
        call.client = _client(exchange)
        exchange.answered = self._count
        exchange.fail(why)

    def answered(self, frame: Frame) -> None:
        """Takes the hub's answer to one request."""
        exchange, request = self._asked.pop(frame.number, (None, None))
        if exchange is None:
            return  # its client is gone
        exchange.cancel = None
        if frame.kind == Kind.RESPONSE:
            exchange.release()
            exchange.response = [frame.chunks[0].tobytes()]
            exchange.connection.flush()
        elif request is not None:
            try:
                (model, version, exchange.call.version, exchange.call.degraded), names, arrays = (
                    frame.tensors()
                )
            except SeatrialError as error:
                exchange.fail(error)
                return
            write_outputs(exchange, request, model, version, _named(tuple(names)), arrays)

    def _infer(self, exchange: Exchange, target: Target) -> bool:
        """Sends tensors, unless the request is not plainly one for them."""
        headers = exchange.headers
        try:
            exchange.plain()
            request = v2.read_request(exchange.body, header_length(headers.get(v2.HEADER_LENGTH)))
        except SeatrialError:
            return False
        if request.outputs and (target.outputs is None or not request.outputs.keys() <= target.outputs):
            return False
        feeds = request.feeds if target.check is None else target.check.quick(request.feeds)
        if feeds is None:
            return False
        call = exchange.call
        call.identify(headers)
        others = {k.decode("latin-1"): v.decode("latin-1") for k, v in headers.items() if k not in _READ_HERE}
        said = (
            exchange.began, exchange.close, exchange.version, _client(exchange),
            call.log_id, call.traceparent, call.key, request.parameters, others,
        )  # fmt: skip
        arrays = list(feeds.values())
        self._ask(
            Kind.INFER,
            exchange,
            request,
            layout=layout_of((target.name, target.version, target.known), list(feeds), arrays),
            said=said,
            chunks=[chunk_of(each) for each in arrays],
        )
        return True

    def _whole(self, exchange: Exchange) -> None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in exchange.headers.items()}
        said = (
            exchange.began, exchange.close, exchange.version, _client(exchange),
            exchange.method, exchange.path, exchange.query, headers,
        )  # fmt: skip
        self._ask(Kind.WHOLE, exchange, None, said=said, chunks=[exchange.body])

    def _ask(
        self,
        kind: Kind,
        exchange: Exchange,
        request: v2.InferRequest | None,
        *,
        said: Any,
        layout: bytes = b"",
        chunks: list[Any],
    ) -> None:
        number = self._number = (self._number + 1) & 0xFFFFFFFF
        self._asked[number] = (exchange, request)
        exchange.cancel = partial(self._cancel, number)
        self._line.send(
            kind, number, stamp=time.monotonic(), layout=layout, said=orjson.dumps(said), chunks=chunks
        )

    def _cancel(self, number: int) -> None:
        if self._asked.pop(number, None) is not None:
            self._line.send(Kind.CANCEL, number)

    def _count(self, call: Any, status: int) -> None:
        said = (call.began, call.client, call.log_id, call.error, status)
        self._line.send(Kind.COUNT, stamp=time.monotonic(), said=orjson.dumps(said))


@lru_cache(maxsize=512)
def _named(names: tuple[str, ...]) -> tuple[TensorSpec, ...]:
    """Outputs of which only the names are asked for: the tensors say the rest."""
    return tuple(TensorSpec(name, "", ()) for name in names)


def _client(exchange: Exchange) -> str:
    return exchange.call.client or exchange.connection.peer
