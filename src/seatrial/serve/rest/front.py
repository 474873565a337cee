"""The REST front: which family of routes a request is for."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from seatrial.errors import SeatrialError
from seatrial.serve.access.guard import API_KEY, AUTHORIZATION, Gate
from seatrial.serve.limits import Limits, Room
from seatrial.serve.model import ServedModel
from seatrial.serve.rest.connection import Connection
from seatrial.serve.rest.docs import DocsRoutes
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.gather import Gatherer
from seatrial.serve.rest.heads import Heads
from seatrial.serve.rest.paddle_serving import PaddleServingRoutes
from seatrial.serve.rest.predict import PredictRoutes
from seatrial.serve.rest.rights import asked_of, words_of
from seatrial.serve.rest.targets import Target, targets_of
from seatrial.serve.rest.tensors import TensorRoutes
from seatrial.serve.service import InferenceService
from seatrial.serve.status import OK, Refusal
from seatrial.serve.watching.instruments import Instruments

METRICS = b"text/plain; version=0.0.4; charset=utf-8"

Routes = Callable[[Exchange, list[str]], None]


class RestFront:
    """Answers HTTP requests.

    Args:
        service: Does the work.
        limits: What a client may take.
        instruments: Told about every answer; fronts of one server share them.
        gate: Says who may ask.
        room: For the bodies of all requests; fronts of one server share it.
    """

    def __init__(
        self,
        service: InferenceService,
        *,
        limits: Limits | None = None,
        instruments: Instruments | None = None,
        gate: Gate | None = None,
        room: Room | None = None,
    ) -> None:
        self.service = service
        self.limits = limits or Limits()
        self.gate = gate or Gate()
        self.room = room or Room(self.limits.memory)
        self.instruments = instruments or Instruments(service)
        self.connections: set[Connection] = set()
        self._heads = Heads()
        docs = DocsRoutes(service)
        self._prediction = PaddleServingRoutes(service)
        self._tensors = TensorRoutes(service)
        self._targets: dict[str, Target] | None = None  # None: the models changed
        service.repository.watch(self._changed)
        self._gatherer = Gatherer(self._tensors.ask, lambda exchange, _: self._route(exchange))
        # By the first word of the path; each takes the words behind it.
        self._routes: dict[str, Routes] = {
            "v2": self._tensors,
            "v1": PredictRoutes(service),
            "metrics": self._metrics,
            "docs": docs.page,
            "openapi.json": docs.document,
        }

    def protocol(self) -> Connection:
        """A protocol for one new connection."""
        admit = partial(admitted, self.gate) if self.gate.closed else None
        return Connection(
            self.handle, self.refuse, self.limits, self.connections,
            admit=admit, room=self.room, heads=self._heads,
        )  # fmt: skip

    def handle(self, exchange: Exchange) -> None:
        """Answers one request, now or later."""
        self._begin(exchange)
        try:
            if self._targets is None:
                self._targets = targets_of(self.service.repository)
            target = self._targets.get(exchange.path)
            if target is None or exchange.method != "POST" or not self._gatherer.take(exchange, target):
                self._route(exchange)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            exchange.fail(error)

    def _route(self, exchange: Exchange) -> None:
        """Leads a request to its family of routes."""
        try:
            first, *words = words_of(exchange.path)
            routes = self._routes.get(first)
            if routes is not None:
                routes(exchange, words)
            elif words == ["prediction"]:
                self._prediction(exchange, first)
            else:
                _nothing(exchange, words)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            exchange.fail(error)

    def refuse(self, exchange: Exchange, why: SeatrialError) -> None:
        """Answers a request that could not be read."""
        self._begin(exchange)
        exchange.fail(why)

    def _begin(self, exchange: Exchange) -> None:
        call = exchange.call
        call.complete = time.monotonic()
        call.identify(exchange.headers)
        call.client = call.client or exchange.connection.peer
        call.body = exchange.body
        exchange.answered = self.instruments.answered

    def _changed(self, _: ServedModel) -> None:
        self._targets = None

    def _metrics(self, exchange: Exchange, words: list[str]) -> None:
        if words:
            _nothing(exchange, words)
        exchange.call.route = "metrics"
        exchange.only("GET")
        exchange.respond(OK, [self.instruments.text().encode()], kind=METRICS)


def admitted(gate: Gate, exchange: Exchange) -> None:
    """Leads a request through the gate; who asks is known from here on, and the key goes no further.

    Raises:
        Refusal: It may not pass.
    """
    headers = exchange.headers
    exchange.call.client = gate.admit(asked_of(exchange.path), headers)
    headers.pop(AUTHORIZATION, None)
    headers.pop(API_KEY, None)


def _nothing(exchange: Exchange, _: list[str]) -> None:
    raise Refusal(
        "no-such-path",
        f"there is nothing at '{exchange.path[:200]}'",
        hint="see /docs, /v2/models/NAME, /v1/models/NAME/predict, /metrics",
    )
