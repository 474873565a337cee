"""A front in a process of its own: it speaks HTTP and v2 with clients, and asks the hub.

What plainly is an inference goes to the hub as checked tensors, and its answer is written here. Everything
else goes to the hub as it came and is answered there, so that nothing is done in two ways.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import orjson

from seatrial.contract import TensorSpec
from seatrial.errors import SeatrialError
from seatrial.runtimes import Lot
from seatrial.serve import v2
from seatrial.serve.access.guard import Gate
from seatrial.serve.call import Call, made_id
from seatrial.serve.fronts.frames import Frame, Kind, chunk_of, layout_of
from seatrial.serve.fronts.line import Line
from seatrial.serve.limits import Limits, Room
from seatrial.serve.rest.connection import Connection
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.front import admitted
from seatrial.serve.rest.gather import Gatherer, Member
from seatrial.serve.rest.heads import Heads
from seatrial.serve.rest.targets import Target
from seatrial.serve.rest.tensors import header_length, write_outputs

# Of a checked inference the hub needs the others: routes go by them.
_READ_HERE = frozenset(
    (b"host", b"content-length", b"content-type", b"accept", b"accept-encoding", b"user-agent", b"connection")
)


_MOST_NUMBERS = 0xFFFFFFFF
_GONE = (None, None)


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
        self._heads = Heads()
        self.targets: Mapping[str, Target] = {}
        self._gatherer = Gatherer(self._ask_all, self._ask_alone)
        self._asked: dict[int, tuple[Exchange, v2.InferRequest | None]] = {}
        self._number = 0

    def protocol(self) -> Connection:
        """A protocol for one new connection."""
        admit = partial(admitted, self.gate) if self.gate.closed else None
        return Connection(
            self.handle, self.refuse, self.limits, self.connections,
            admit=admit, room=self.room, heads=self._heads,
        )  # fmt: skip

    def handle(self, exchange: Exchange) -> None:
        """Sends one request to the hub, now or together with others at the end of this turn of the loop."""
        target = self.targets.get(exchange.path) if exchange.method == "POST" else None
        exchange.call.complete = time.monotonic()
        if target is None:
            self._whole(exchange)
        elif self._gatherer.take(exchange, target):
            exchange.answered = self._count  # should its client leave before the hub knows of it
        else:
            self._ask_alone(exchange, target)

    def refuse(self, exchange: Exchange, why: SeatrialError) -> None:
        """Answers a request that could not be read, and tells the hub."""
        call = exchange.call
        call.identify(exchange.headers)
        call.client = _client(exchange)
        exchange.answered = self._count
        exchange.fail(why)

    def answered(self, frame: Frame) -> None:
        """Takes the hub's answer to one request, or to some that are alike."""
        if frame.kind == Kind.RESPONSE:
            exchange, _ = self._asked.pop(frame.number, _GONE)
            if exchange is not None:
                exchange.cancel = None
                exchange.release()
                exchange.response = [frame.chunks[0].tobytes()]
                exchange.connection.flush()
            return
        numbers: list[int] = frame.told()
        asked = [self._asked.pop(number, _GONE) for number in numbers]
        try:
            (model, version, served, degraded, notice), names, arrays = frame.tensors(len(numbers))
        except SeatrialError as error:
            for exchange, _ in asked:
                if exchange is not None:
                    exchange.fail(error)
            return
        specs = _named(tuple(names))
        for place, (exchange, request) in enumerate(asked):
            if exchange is None or request is None:
                continue  # its client is gone
            call = exchange.call
            call.version, call.degraded, call.notice = served, degraded, notice
            write_outputs(exchange, request, model, version, specs, [each[place] for each in arrays])

    def _ask_all(self, target: Target, lot: Lot, members: Sequence[Member]) -> None:
        """Sends requests that were gathered, as one frame."""
        said = []
        first = self._number + 1
        if first + len(members) > _MOST_NUMBERS:
            first = 1
        self._number = first + len(members) - 1
        for number, (exchange, request, _) in enumerate(members, first):
            exchange.answered = None
            said.append(self._said(exchange, {}))
            self._asked[number] = exchange, request
            exchange.cancel = partial(self._cancel, number)
        one = [each[: lot.rows] for each in lot.feeds.values()]
        self._line.send(
            Kind.INFER,
            first,
            layout=layout_of((target.name, target.version, target.known), list(lot.feeds), one),
            said=orjson.dumps(said),
            chunks=[chunk_of(each) for each in lot.feeds.values()],
        )

    def _ask_alone(self, exchange: Exchange, target: Target) -> None:
        exchange.answered = None
        if not self._infer(exchange, target):
            self._whole(exchange)

    def _infer(self, exchange: Exchange, target: Target) -> bool:
        """Sends tensors, unless the request is not plainly one for them."""
        try:
            exchange.plain()
            length = header_length(exchange.headers.get(v2.HEADER_LENGTH))
            request = v2.read_request(exchange.body, length)
        except SeatrialError:
            return False
        if request.outputs and (target.outputs is None or not request.outputs.keys() <= target.outputs):
            return False
        feeds = request.feeds if target.check is None else target.check.quick(request.feeds)
        if feeds is None:
            return False
        arrays = list(feeds.values())
        self._ask(
            Kind.INFER,
            exchange,
            request,
            layout=layout_of((target.name, target.version, target.known), list(feeds), arrays),
            said=[self._said(exchange, request.parameters)],
            chunks=[chunk_of(each) for each in arrays],
        )
        return True

    @staticmethod
    def _said(exchange: Exchange, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """What the hub is told of an inference beside its tensors."""
        call, headers = exchange.call, exchange.headers
        call.identify(headers)
        others = {k.decode("latin-1"): headers[k].decode("latin-1") for k in headers.keys() - _READ_HERE}
        return (
            call.complete, exchange.began, exchange.close, exchange.version, _client(exchange),
            call.log_id, call.traceparent, call.key, parameters, others,
        )  # fmt: skip

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
        number = self._number = self._number % _MOST_NUMBERS + 1
        self._asked[number] = exchange, request
        exchange.cancel = partial(self._cancel, number)
        self._line.send(kind, number, layout=layout, said=orjson.dumps(said), chunks=chunks)

    def _cancel(self, number: int) -> None:
        if self._asked.pop(number, None) is not None:
            self._line.send(Kind.CANCEL, number)

    def _count(self, call: Call, status: int) -> None:
        said = (call.began, call.client, call.log_id or made_id(), call.error, status)
        self._line.send(Kind.COUNT, stamp=time.monotonic(), said=orjson.dumps(said))


@lru_cache(maxsize=512)
def _named(names: tuple[str, ...]) -> tuple[TensorSpec, ...]:
    """Outputs of which only the names are asked for: the tensors say the rest."""
    return tuple(TensorSpec(name, "", ()) for name in names)


def _client(exchange: Exchange) -> str:
    return exchange.call.client or exchange.connection.peer
