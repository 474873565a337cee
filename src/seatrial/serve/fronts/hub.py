"""The server's end of one front: its requests enter the service as if they had come here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import orjson

from seatrial.contract.sample import Array
from seatrial.serve.call import Call
from seatrial.serve.fronts.frames import Frame, Kind, chunk_of, layout_of
from seatrial.serve.fronts.line import Line
from seatrial.serve.fronts.models import Offer
from seatrial.serve.limits import Limits, Room
from seatrial.serve.model import Outcome
from seatrial.serve.rest.connection import Connection
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.front import RestFront
from seatrial.serve.service import Answering, InferenceService
from seatrial.serve.status import GONE, OK
from seatrial.serve.watching.instruments import Instruments

_SMALL = 16 << 10  # bytes of an answer that is sent together with others

_log = logging.getLogger("seatrial.serve")


class Hub:
    """What one front's requests are answered by.

    Args:
        service: Does the work.
        front: Answers what fronts do not answer themselves, and counts.
        offer: What fronts know of the models.
        listening: Told where the front listens, or why it cannot.
        lost: Called when the front is gone.
        ours: Shared memory for answers.
        theirs: Shared memory for requests.
    """

    def __init__(
        self,
        service: InferenceService,
        front: RestFront,
        offer: Offer,
        *,
        listening: Callable[[Any], None],
        lost: Callable[[], None],
        ours: int,
        theirs: int,
    ) -> None:
        self._service, self._front, self._offer = service, front, offer
        self._listening, self._lost = listening, lost
        self.line = Line(self._received, self._gone, ours=ours, theirs=theirs)
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, Exchange | Inference] = {}
        self._answers: dict[bytes, list[tuple[int, list[Any]]]] = {}  # of this turn of the loop, by layout
        self._does: dict[int, Callable[[Frame], None]] = {
            Kind.INFER: self._infer,
            Kind.WHOLE: self._whole,
            Kind.CANCEL: self._cancel,
            Kind.COUNT: self._count,
            Kind.LISTENING: lambda frame: self._listening(frame.told()),
        }

    @property
    def waiting(self) -> int:
        """Requests of this front that have no answer yet."""
        return len(self._asked)

    @property
    def limits(self) -> Limits:
        """What a client may take."""
        return self._front.limits

    @property
    def room(self) -> Room:
        """For bodies."""
        return self._front.room

    def _received(self, frame: Frame) -> None:
        try:
            self._does[frame.kind](frame)
        except Exception:  # noqa: BLE001 - one front's bug must not end the others
            _log.exception("a front said what could not be done")

    def _gone(self) -> None:
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.lost()
        self._lost()

    def exchange(self, number: int, began: float, version: str, peer: str, *, close: bool) -> Exchange:
        """What stands for a request that a front has read."""
        # Its routes want nothing of a connection but who is there and that what is answered is sent.
        exchange = Exchange(cast(Connection, _Asked(self, number, peer)), began)
        exchange.close, exchange.version = close, version
        self._asked[number] = exchange
        return exchange

    @property
    def instruments(self) -> Instruments:
        """That count for all fronts."""
        return self._front.instruments

    def _infer(self, frame: Frame) -> None:
        """Asks for one request, or for some that are alike: each for itself, though they came together."""
        members: list[Any] = frame.told()
        portions: list[Mapping[str, Array]] = []
        name = version = ""
        wrong: Exception | None = None
        try:
            (name, version, known), names, arrays = frame.tensors(len(members))
            portions = self._portions(known, names, arrays)
        except Exception as error:  # noqa: BLE001 - a bug in one frame must not end the others
            wrong = error
        path, service = f"/v2/models/{name}/infer", self._service
        for place, told in enumerate(members):
            asked = Inference(self, frame.number + place, path, told)
            self._asked[asked.number] = asked
            if wrong is not None:
                asked.fail(wrong)
                continue
            call = asked.call
            try:
                model = service.model(name, version, call)
                done = partial(self._inferred, asked, model)
                asked.cancel = service.infer(model, portions[place], done, call, arrived=call.complete)
            except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
                asked.fail(error)

    def _portions(
        self, known: int, names: Sequence[str], arrays: Sequence[Array]
    ) -> list[Mapping[str, Array]]:
        """The feeds of each request of a frame; those that came together stay together."""
        check, count = self._offer.check(known), arrays[0].shape[0]
        if count == 1 or check is None:
            alone = [dict(zip(names, each, strict=True)) for each in zip(*arrays, strict=True)]
            return [each if check is None else check.vouched(each) for each in alone]
        feeds = {name: each.reshape(-1, *each.shape[2:]) for name, each in zip(names, arrays, strict=True)}
        lot = check.vouched_lot(feeds, arrays[0].shape[1])
        return [lot.portion(place) for place in range(count)]

    def _inferred(self, asked: Inference, model: Answering, outcome: Outcome) -> None:
        if self._asked.get(asked.number) is not asked:
            return  # its client is gone
        asked.cancel = None  # it knows the request, which knows this one: together they would stay
        if isinstance(outcome, BaseException):
            asked.fail(outcome)
            return
        call = asked.call
        about = (model.name, model.version, call.version, call.degraded)
        try:
            layout = layout_of(about, [each.name for each in model.outputs], outcome)
            chunks = [chunk_of(each) for each in outcome]
        except Exception as error:  # noqa: BLE001 - an output that cannot cross is this request's alone
            asked.fail(error)
            return
        del self._asked[asked.number]
        if sum(map(len, chunks)) < _SMALL:
            if not self._answers:
                self._loop.call_soon(self._answer)
            self._answers.setdefault(layout, []).append((asked.number, chunks))
        else:
            self.line.send(Kind.ANSWER, layout=layout, said=orjson.dumps([asked.number]), chunks=chunks)
        self._front.instruments.answered(call, OK)

    def _answer(self) -> None:
        """Sends the answers of this turn of the loop, those that are alike in one frame."""
        answers, self._answers = self._answers, {}
        for layout, alike in answers.items():
            numbers = [number for number, _ in alike]
            parts = zip(*[chunks for _, chunks in alike], strict=True)
            chunks = [b"".join(each) for each in parts]
            self.line.send(Kind.ANSWER, layout=layout, said=orjson.dumps(numbers), chunks=chunks)
        self.line.flush()

    def _whole(self, frame: Frame) -> None:
        began, close, http, peer, method, path, query, headers = frame.told()
        exchange = self.exchange(frame.number, began, http, peer, close=close)
        exchange.method, exchange.path, exchange.query = method, path, query
        exchange.headers.update({k.encode("latin-1"): v.encode("latin-1") for k, v in headers.items()})
        exchange.body = frame.chunks[0].tobytes()
        self._front.handle(exchange)

    def _cancel(self, frame: Frame) -> None:
        exchange = self._asked.pop(frame.number, None)
        if exchange is not None:
            exchange.lost()

    def _count(self, frame: Frame) -> None:
        """An answer that the front gave because the request could not be read."""
        began, peer, log_id, error, status = frame.told()
        exchange = Exchange(cast(Connection, _Asked(self, 0, peer)), began)
        call = exchange.call
        call.complete, call.log_id, call.client, call.error = frame.stamp, log_id, peer, error
        self._front.instruments.answered(call, status)

    def _respond(self, number: int) -> None:
        exchange = self._asked.pop(number, None)
        if isinstance(exchange, Exchange) and exchange.response:
            self.line.send(Kind.RESPONSE, number, chunks=[b"".join(exchange.response)])


class Inference:
    """One request for tensors that a front has read and looked at.

    Args:
        hub: Of the front.
        number: Of the request.
        path: For the log.
        told: By the front; `ForwardingFront` says it.
    """

    __slots__ = ("_close", "_hub", "_path", "_version", "call", "cancel", "number")

    def __init__(self, hub: Hub, number: int, path: str, told: Sequence[Any]) -> None:
        complete, began, close, http, peer, log_id, trace, key, parameters, headers = told
        self.number, self._hub, self._path = number, hub, path
        self._close, self._version = close, http
        self.call = Call(
            log_id=log_id, traceparent=trace, parameters=parameters, key=key, client=peer, route="infer",
            began=began, complete=complete,
        )  # fmt: skip
        if headers:
            self.call.headers = {k.encode("latin-1"): v.encode("latin-1") for k, v in headers.items()}
        self.cancel: Callable[[], None] | None = None

    def fail(self, error: BaseException) -> None:
        """Answers with the error, in the words of a server without fronts."""
        call = self.call
        exchange = self._hub.exchange(self.number, call.began, self._version, call.client, close=self._close)
        exchange.call, exchange.method, exchange.path = call, "POST", self._path
        exchange.answered = self._hub.instruments.answered
        exchange.fail(error)

    def lost(self) -> None:
        """Its client is gone, or the front."""
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()
        self._hub.instruments.answered(self.call, GONE)


class _Asked:
    """What stands for a client's connection here."""

    __slots__ = ("_hub", "_number", "limits", "peer", "room")

    def __init__(self, hub: Hub, number: int, peer: str) -> None:
        self._hub, self._number, self.peer = hub, number, peer
        self.limits, self.room = hub.limits, hub.room

    def flush(self) -> None:
        """There is an answer."""
        self._hub._respond(self._number)  # noqa: SLF001 - a part of the hub
