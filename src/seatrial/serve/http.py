"""The REST front: Open Inference Protocol v2, the predict endpoint and the metrics, over the service."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from seatrial.errors import SeatrialError
from seatrial.serve import metadata, v2
from seatrial.serve._http_connection import Connection
from seatrial.serve._http_exchange import Exchange
from seatrial.serve._http_payload import read_payload
from seatrial.serve.instruments import Instruments
from seatrial.serve.limits import Limits
from seatrial.serve.model import Outcome, ServedModel
from seatrial.serve.service import InferenceService
from seatrial.serve.status import BUSY, OK, Refusal, status_of, told

BINARY = b"application/octet-stream"
METRICS = b"text/plain; version=0.0.4; charset=utf-8"
RETRY_AFTER = {"Retry-After": "1"}

_log = logging.getLogger("seatrial.serve")


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

    def protocol(self) -> Connection:
        """A protocol for one new connection."""
        return Connection(self.handle, self.refuse, self.limits, self.connections)

    def handle(self, exchange: Exchange) -> None:
        """Answers one request, now or later."""
        try:
            self._route(exchange)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            self._failed(exchange, error)

    def refuse(self, exchange: Exchange, why: Refusal) -> None:
        """Answers a request that could not be read."""
        exchange.answered = self.instruments.of("", "", "", exchange.began)
        self._failed(exchange, why)

    def _route(self, exchange: Exchange) -> None:
        exchange.answered = self.instruments.of("", "", "other", exchange.began)
        words = [unquote(each) for each in exchange.path.strip("/").split("/")]
        match words:
            case ["v2", "models", name, "versions", version, *rest] if len(rest) < 2:
                self._model(exchange, name, version, "".join(rest))
            case ["v2", "models", name, *rest] if len(rest) < 2:
                self._model(exchange, name, "", "".join(rest))
            case ["v1", "models", name, "predict"]:
                self._predict(exchange, name)
            case ["v1", "models", name] if name.endswith(":predict"):
                self._predict(exchange, name.removesuffix(":predict"))
            case _:
                self._about(exchange, "/".join(words))

    def _about(self, exchange: Exchange, path: str) -> None:
        """What is asked of the server, not of a model."""
        if path not in ("v2", "v2/health/live", "v2/health/ready", "metrics"):
            raise Refusal(
                "no-such-path",
                f"there is nothing at '{exchange.path[:200]}'",
                hint="see /v2, /v2/models/NAME, /v1/models/NAME/predict, /metrics",
            )
        _only(exchange, "GET")
        if path == "metrics":
            exchange.respond(OK, [self.instruments.text().encode()], kind=METRICS)
        elif path == "v2":
            _json(exchange, metadata.server_metadata())
        elif path == "v2/health/live":
            _json(exchange, {"live": True})
        else:
            ready = self.service.ready
            _json(exchange, {"ready": ready}, OK if ready else BUSY)

    def _model(self, exchange: Exchange, name: str, version: str, verb: str) -> None:
        if verb not in ("", "ready", "infer"):
            raise Refusal("no-such-path", f"models have no '{verb[:80]}'", hint="they have ready and infer")
        _only(exchange, "POST" if verb == "infer" else "GET")
        model = self.service.model(name, version)
        if verb == "infer":
            self._infer(exchange, model)
        elif verb == "ready":
            ready = model.ready
            _json(exchange, {"name": model.name, "ready": ready}, OK if ready else BUSY)
        else:
            _json(exchange, metadata.model_metadata(model, self.service.versions(name)))

    def _infer(self, exchange: Exchange, model: ServedModel) -> None:
        exchange.answered = self.instruments.of(model.name, model.version, "infer", exchange.began)
        headers = exchange.headers
        _plain_encoding(exchange)
        request = v2.read_request(exchange.body, _header_length(headers.get(v2.HEADER_LENGTH)))
        v2.chosen(request, model.outputs)
        done = partial(self._inferred, exchange, model, request)
        exchange.cancel = self.service.infer(model, request.feeds, done, parameters=request.parameters)

    def _inferred(
        self, exchange: Exchange, model: ServedModel, request: v2.InferRequest, outcome: Outcome
    ) -> None:
        if isinstance(outcome, BaseException):
            self._failed(exchange, outcome)
            return
        try:
            parts, length = v2.write_answer(model.name, model.version, request, model.outputs, outcome)
        except Exception as error:  # noqa: BLE001 - an output that cannot be written is this request's alone
            self._failed(exchange, error)
            return
        if length is None:
            exchange.respond(OK, parts)
        else:
            exchange.respond(OK, parts, kind=BINARY, headers={v2.HEADER_LENGTH_NAME: str(length)})

    def _predict(self, exchange: Exchange, name: str) -> None:
        _only(exchange, "POST")
        asked = parse_qs(exchange.query).get("version", [""])
        model = self.service.model(name, asked[-1])
        exchange.answered = self.instruments.of(model.name, model.version, "predict", exchange.began)
        _plain_encoding(exchange)
        payload = read_payload(
            exchange.headers.get(b"content-type", b""), bytes(exchange.body), model.contract
        )
        exchange.cancel = self.service.predict(model, payload, partial(self._predicted, exchange))

    def _predicted(self, exchange: Exchange, answer: Any) -> None:
        if isinstance(answer, BaseException):
            self._failed(exchange, answer)
        else:
            _json(exchange, answer)

    def _failed(self, exchange: Exchange, error: BaseException) -> None:
        status = status_of(error)
        if not isinstance(error, SeatrialError | TimeoutError):
            _log.error("%s %s failed", exchange.method, exchange.path[:200], exc_info=error)
        _json(exchange, {"error": _cut(told(error))}, status, RETRY_AFTER if status == BUSY else None)


def _cut(text: str, most: int = 2000) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _json(exchange: Exchange, value: Any, status: int = OK, headers: dict[str, str] | None = None) -> None:
    exchange.respond(status, [orjson.dumps(value)], headers=headers)


def _only(exchange: Exchange, method: str) -> None:
    if exchange.method != method and (exchange.method, method) != ("HEAD", "GET"):
        raise Refusal("method", f"{exchange.method} is not taken here", hint=f"use {method}")


def _plain_encoding(exchange: Exchange) -> None:
    encoding = exchange.headers.get(b"content-encoding", b"identity").lower()
    if encoding not in (b"identity", b""):
        raise Refusal("media-type", "compressed bodies are not taken", hint="send it as it is")


def _header_length(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit() or len(value) > 12:
        raise Refusal("malformed", "Inference-Header-Content-Length: expected a number of bytes")
    return int(value)
