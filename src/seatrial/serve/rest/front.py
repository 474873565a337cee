"""The REST front: which family of routes a request is for."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from seatrial.serve.instruments import Instruments
from seatrial.serve.limits import Limits
from seatrial.serve.rest.connection import Connection
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.predict import PredictRoutes
from seatrial.serve.rest.tensors import TensorRoutes
from seatrial.serve.service import InferenceService
from seatrial.serve.status import OK, Refusal

METRICS = b"text/plain; version=0.0.4; charset=utf-8"

Routes = Callable[[Exchange, list[str]], None]


class RestFront:
    """Answers HTTP requests.

    Args:
        service: Does the work.
        limits: What a client may take.
    """

    def __init__(self, service: InferenceService, *, limits: Limits | None = None) -> None:
        self.service = service
        self.limits = limits or Limits()
        self.instruments = Instruments(service)
        self.connections: set[Connection] = set()
        # By the first word of the path; each takes the words behind it.
        self._routes: dict[str, Routes] = {
            "v2": TensorRoutes(service, self.instruments),
            "v1": PredictRoutes(service, self.instruments),
            "metrics": self._metrics,
        }

    def protocol(self) -> Connection:
        """A protocol for one new connection."""
        return Connection(self.handle, self.refuse, self.limits, self.connections)

    def handle(self, exchange: Exchange) -> None:
        """Answers one request, now or later."""
        exchange.answered = self.instruments.of("", "", "other", exchange.began)
        try:
            first, *words = [unquote(each) for each in exchange.path.strip("/").split("/")]
            self._routes.get(first, _nothing)(exchange, words)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            exchange.fail(error)

    def refuse(self, exchange: Exchange, why: Refusal) -> None:
        """Answers a request that could not be read."""
        exchange.answered = self.instruments.of("", "", "", exchange.began)
        exchange.fail(why)

    def _metrics(self, exchange: Exchange, words: list[str]) -> None:
        if words:
            _nothing(exchange, words)
        exchange.only("GET")
        exchange.respond(OK, [self.instruments.text().encode()], kind=METRICS)


def _nothing(exchange: Exchange, _: list[str]) -> None:
    raise Refusal(
        "no-such-path",
        f"there is nothing at '{exchange.path[:200]}'",
        hint="see /v2, /v2/models/NAME, /v1/models/NAME/predict, /metrics",
    )
