"""The server's end of one front: its requests enter the service as if they had come here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from seatrial.serve.fronts.frames import Frame, Kind, chunk_of, layout_of
from seatrial.serve.fronts.line import Line
from seatrial.serve.fronts.models import Offer
from seatrial.serve.limits import Limits, Room
from seatrial.serve.model import Outcome
from seatrial.serve.rest.connection import Connection
from seatrial.serve.rest.exchange import Exchange
from seatrial.serve.rest.front import RestFront
from seatrial.serve.service import Answering, InferenceService
from seatrial.serve.status import OK

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
        self._asked: dict[int, Exchange] = {}
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

    def _exchange(self, frame: Frame, began: float, version: str, peer: str, *, close: bool) -> Exchange:
        # Its routes want nothing of a connection but who is there and that what is answered is sent.
        exchange = Exchange(cast(Connection, _Asked(self, frame.number, peer)), began)
        exchange.close, exchange.version = close, version
        self._asked[frame.number] = exchange
        return exchange

    def _infer(self, frame: Frame) -> None:
        began, close, http, peer, log_id, trace, key, parameters, headers = frame.told()
        exchange = self._exchange(frame, began, http, peer, close=close)
        exchange.answered = self._front.instruments.answered
        call = exchange.call
        call.complete, call.route = frame.stamp, "infer"
        call.log_id, call.traceparent, call.client, call.key = log_id, trace, peer, key
        call.parameters = parameters
        if headers:
            exchange.headers.update({k.encode("latin-1"): v.encode("latin-1") for k, v in headers.items()})
        try:
            (name, version, known), names, arrays = frame.tensors()
            exchange.method, exchange.path = "POST", f"/v2/models/{name}/infer"  # for the log
            feeds = dict(zip(names, arrays, strict=True))
            check = self._offer.check(known)
            model = self._service.model(name, version, call)
            done = partial(self._inferred, exchange, frame.number, model)
            asked = feeds if check is None else check.vouched(feeds)
            exchange.cancel = self._service.infer(model, asked, done, call, arrived=frame.stamp)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
            exchange.fail(error)

    def _inferred(self, exchange: Exchange, number: int, model: Answering, outcome: Outcome) -> None:
        if isinstance(outcome, BaseException):
            exchange.fail(outcome)
            return
        if number not in self._asked:
            return
        call = exchange.call
        about = (model.name, model.version, call.version, call.degraded)
        try:
            layout = layout_of(about, [each.name for each in model.outputs], outcome)
            chunks = [chunk_of(each) for each in outcome]
        except Exception as error:  # noqa: BLE001 - an output that cannot cross is this request's alone
            exchange.fail(error)
            return
        del self._asked[number]
        exchange.response, exchange.cancel = (), None
        self.line.send(Kind.ANSWER, number, layout=layout, chunks=chunks)
        self._front.instruments.answered(call, OK)

    def _whole(self, frame: Frame) -> None:
        began, close, http, peer, method, path, query, headers = frame.told()
        exchange = self._exchange(frame, began, http, peer, close=close)
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
        if exchange is not None and exchange.response:
            self.line.send(Kind.RESPONSE, number, chunks=[b"".join(exchange.response)])


class _Asked:
    """What stands for a client's connection here."""

    __slots__ = ("_hub", "_number", "limits", "peer", "room")

    def __init__(self, hub: Hub, number: int, peer: str) -> None:
        self._hub, self._number, self.peer = hub, number, peer
        self.limits, self.room = hub.limits, hub.room

    def flush(self) -> None:
        """There is an answer."""
        self._hub._respond(self._number)  # noqa: SLF001 - a part of the hub
