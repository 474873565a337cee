"""The predict endpoint: what people have in, what the contract promises out."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import parse_qs

from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.management import ManagementRoutes
from seatrial.serve.rest.payload import read_payload
from seatrial.serve.service import InferenceService
from seatrial.serve.status import Refusal


class PredictRoutes:
    """What lies under `/v1`: `models/NAME/predict`, and TensorFlow Serving's spelling `models/NAME:predict`.

    Beside them `models/NAME/route` and `models/NAME/shadow`, which set and tell who answers.

    Args:
        service: Does the work.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._management = ManagementRoutes(service)

    def __call__(self, exchange: Exchange, words: list[str]) -> None:
        """Answers one request; `words` are the path's behind `/v1`."""
        match words:
            case ["models", name, "predict"]:
                self._predict(exchange, name)
            case ["models", name] if name.endswith(":predict"):
                self._predict(exchange, name.removesuffix(":predict"))
            case ["models", name, "route" | "shadow" as word]:
                self._management(exchange, name, word)
            case _:
                raise Refusal(
                    "no-such-path",
                    f"there is nothing at '{exchange.path[:200]}'",
                    hint="see /v1/models/NAME/predict, /v1/models/NAME/route",
                )

    def _predict(self, exchange: Exchange, name: str) -> None:
        exchange.only("POST")
        version = parse_qs(exchange.query).get("version", [""])[-1]
        model = self._service.model(name, version, exchange.call)
        exchange.call.route = "predict"
        exchange.plain()
        kind = exchange.headers.get(b"content-type", b"")
        payload = read_payload(kind, bytes(exchange.body), model.contract)
        done = partial(_predicted, exchange)
        exchange.cancel = self._service.predict(model, payload, done, exchange.call)


def _predicted(exchange: Exchange, answer: Any) -> None:
    if isinstance(answer, BaseException):
        exchange.fail(answer)
    else:
        exchange.call.answer = answer
        exchange.json(answer)
