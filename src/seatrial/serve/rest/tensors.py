"""The routes of the Open Inference Protocol v2: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from seatrial.contract import TensorSpec
from seatrial.contract.sample import Array
from seatrial.runtimes import Lot
from seatrial.serve import metadata, v2
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.model import Outcome
from seatrial.serve.rest.encoding import SMALLEST, asked, packed
from seatrial.serve.rest.exchange import JSON, Exchange
from seatrial.serve.rest.gather import Member
from seatrial.serve.rest.repository import RepositoryRoutes
from seatrial.serve.rest.targets import Target
from seatrial.serve.service import Answering, InferenceService
from seatrial.serve.status import BUSY, OK, Refusal

BINARY = b"application/octet-stream"
LARGE = 256 << 10  # bytes of JSON that take milliseconds to read, while which the loop would answer nobody


class TensorRoutes:
    """What lies under `/v2`.

    Args:
        service: Does the work.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._repository = RepositoryRoutes(service.keeper)

    def __call__(self, exchange: Exchange, words: list[str]) -> None:
        """Answers one request; `words` are the path's behind `/v2`."""
        match words:
            case ["models", name, "versions", version, *rest] if len(rest) < 2:
                self._model(exchange, name, version, "".join(rest))
            case ["models", name, *rest] if len(rest) < 2:
                self._model(exchange, name, "", "".join(rest))
            case ["repository", *rest]:
                self._repository(exchange, rest)
            case []:
                exchange.only("GET")
                exchange.json(metadata.server_metadata())
            case ["health", "live"]:
                exchange.call.route = "health"
                exchange.only("GET")
                exchange.json({"live": True})
            case ["health", "ready"]:
                exchange.call.route = "health"
                exchange.only("GET")
                ready = self._service.ready
                exchange.json({"ready": ready}, OK if ready else BUSY)
            case _:
                raise Refusal(
                    "no-such-path",
                    f"there is nothing at '{exchange.path[:200]}'",
                    hint="see /v2, /v2/health/ready, /v2/models/NAME, /v2/models/NAME/infer",
                )

    def _model(self, exchange: Exchange, name: str, version: str, verb: str) -> None:
        if verb not in ("", "ready", "config", "infer"):
            raise Refusal(
                "no-such-path", f"models have no '{verb[:80]}'", hint="they have ready, config and infer"
            )
        exchange.only("POST" if verb == "infer" else "GET")
        if verb == "infer":
            self._infer(exchange, self._service.model(name, version, exchange.call))
            return
        if verb == "ready":
            model = self._service.find(name, version)
            ready = model.ready
            exchange.json({"name": model.name, "ready": ready}, OK if ready else BUSY)
        else:
            told = self._service.describe(name, version)
            exchange.json(metadata.configuration(told) if verb == "config" else told)

    def _infer(self, exchange: Exchange, model: Answering) -> None:
        exchange.call.route = "infer"
        exchange.plain()
        length = header_length(exchange.headers.get(v2.HEADER_LENGTH))
        decode = not isinstance(model, ServedPipeline)
        if (len(exchange.body) if length is None else length) > LARGE:
            read = partial(v2.read_request, exchange.body, length, decode=decode)
            exchange.cancel = self._service.apart(model, read, partial(self._read, exchange, model))
        else:
            self._ask(exchange, model, v2.read_request(exchange.body, length, decode=decode))

    def _read(self, exchange: Exchange, model: Answering, request: v2.InferRequest | BaseException) -> None:
        """A large request was read in a thread."""
        if isinstance(request, BaseException):
            exchange.fail(request)
            return
        try:
            self._ask(exchange, model, request)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            exchange.fail(error)

    def ask(self, target: Target, lot: Lot, members: Sequence[Member]) -> None:
        """Asks for requests that were gathered, each for itself; see `Gatherer`."""
        service = self._service
        for place, (exchange, request, _) in enumerate(members):
            call = exchange.call
            call.route = "infer"
            try:
                model = service.model(target.name, target.version, call)
                done = partial(self._inferred, exchange, model, request)
                portion = lot.portion(place)
                exchange.cancel = service.infer(model, portion, done, call, arrived=call.complete)
            except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
                exchange.fail(error)

    def _ask(self, exchange: Exchange, model: Answering, request: v2.InferRequest) -> None:
        v2.chosen(request, model.outputs)
        exchange.call.parameters = request.parameters
        done = partial(self._inferred, exchange, model, request)
        exchange.cancel = self._service.infer(model, request.feeds, done, exchange.call)

    def _inferred(
        self, exchange: Exchange, model: Answering, request: v2.InferRequest, outcome: Outcome
    ) -> None:
        if isinstance(outcome, BaseException):
            exchange.fail(outcome)
        else:
            write_outputs(exchange, request, model.name, model.version, model.outputs, outcome)


def write_outputs(
    exchange: Exchange,
    request: v2.InferRequest,
    model: str,
    version: str,
    specs: Sequence[TensorSpec],
    outputs: Sequence[Array],
) -> None:
    """Answers an inference with what came out, in the form that was asked for; see `v2.write_answer`."""
    try:
        parts, length = v2.write_answer(model, version, request, specs, outputs)
    except Exception as error:  # noqa: BLE001 - an output that cannot be written is this request's alone
        exchange.fail(error)
        return
    headers = None if length is None else {v2.HEADER_LENGTH_NAME: str(length)}
    coding = asked(exchange.headers.get(b"accept-encoding"))
    if coding and sum(map(len, parts)) >= SMALLEST:
        parts, headers = [packed(parts, coding)], {**(headers or {}), "Content-Encoding": coding}
    exchange.respond(OK, parts, kind=JSON if length is None else BINARY, headers=headers)


def header_length(value: bytes | None) -> int | None:
    """What `Inference-Header-Content-Length` says; None: it is not there.

    Raises:
        Refusal: It is no number.
    """
    if value is None:
        return None
    if not value.isdigit() or len(value) > 12:
        raise Refusal("malformed", "Inference-Header-Content-Length: expected a number of bytes")
    return int(value)
