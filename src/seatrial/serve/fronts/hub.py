"""The server's end of one front: its requests enter the service as if they had come here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import orjson

from seatrial.contract.sample import Array
from seatrial.errors import NotFound
from seatrial.runtimes import Lot
from seatrial.serve.fronts.asked import Bunch, Inference
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
        self.asked: dict[int, Exchange | Inference | Bunch] = {}
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
        return len(self.asked)

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
        for number in list(self.asked):
            self._lose(number)
        self._lost()

    def _lose(self, number: int) -> None:
        """The client of a request is gone."""
        asked = self.asked.get(number)
        if isinstance(asked, Bunch):
            if not asked.model.batcher.take_apart(asked.request):  # it runs, and is let run
                self.asked[number] = asked.one(number)
            asked = self.asked.get(number)
        self.asked.pop(number, None)
        if isinstance(asked, Exchange | Inference):
            asked.lost()

    def exchange(self, number: int, began: float, version: str, peer: str, *, close: bool) -> Exchange:
        """What stands for a request that a front has read."""
        # Its routes want nothing of a connection but who is there and that what is answered is sent.
        exchange = Exchange(cast(Connection, _Asked(self, number, peer)), began)
        exchange.close, exchange.version = close, version
        self.asked[number] = exchange
        return exchange

    @property
    def instruments(self) -> Instruments:
        """That count for all fronts."""
        return self._front.instruments

    def _infer(self, frame: Frame) -> None:
        """Asks for one request, or for some that are alike: each for itself, though they came together."""
        members: list[Any] = frame.told()
        portions: Sequence[Mapping[str, Array]] = []
        name = version = ""
        wrong: Exception | None = None
        try:
            (name, version, known), names, arrays = frame.tensors(len(members))
            lot = self._lot(known, names, arrays)
            if lot is not None and self._bunch(name, version, lot, frame, members):
                return
            portions = self._portions(known, names, arrays) if lot is None else lot.portions(len(members))
        except Exception as error:  # noqa: BLE001 - a bug in one frame must not end the others
            wrong = error
        path, service = f"/v2/models/{name}/infer", self._service
        for place, told in enumerate(members):
            asked = Inference(self, frame.number + place, path, told)
            self.asked[asked.number] = asked
            if wrong is not None:
                asked.fail(wrong)
                continue
            call = asked.call
            try:
                model = service.model(name, version, call)
                done = partial(self.inferred, asked, model)
                asked.cancel = service.infer(model, portions[place], done, call, arrived=call.complete)
            except Exception as error:  # noqa: BLE001 - one request's bug must not end the others
                asked.fail(error)

    def _bunch(self, name: str, version: str, lot: Lot, frame: Frame, told: Sequence[Any]) -> bool:
        """Asks for all requests of a frame as one, where nothing is to be decided for one of them alone."""
        service = self._service
        if name in service.pipelines or name in service.traffic.plans or not self._front.instruments.quiet:
            return False
        try:
            model = service.repository.model(name, version)
        except NotFound:
            return False
        if model.guard is not None:
            return False  # it is asked for each
        if not model.check.passed(lot) or not model.batcher.takes_together(len(told) * lot.rows):
            return False
        bunch = Bunch(self, frame.number, told, model, lot)
        for number in bunch.numbers:
            self.asked[number] = bunch
        model.batcher.submit(bunch.request)
        return True

    def bunch_done(self, bunch: Bunch, outcome: Outcome) -> None:
        """Sends what came out for the requests of a bunch."""
        model, rows = bunch.model, bunch.lot.rows
        there = [number for number in bunch.numbers if self.asked.get(number) is bunch]
        about = (model.name, model.version, model.version, "", "")
        try:
            if isinstance(outcome, BaseException):
                raise outcome  # noqa: TRY301 - as what goes wrong below
            if len(there) < len(bunch.numbers):
                keep = [n * rows + row for n in (each - bunch.first for each in there) for row in range(rows)]
                outcome = [each[keep] for each in outcome]
            names = [each.name for each in model.outputs]
            layout = layout_of(about, names, [each[:rows] for each in outcome])
            chunks = [chunk_of(each) for each in outcome]
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to these requests
            for number in there:
                asked = self.asked[number] = bunch.one(number)
                asked.fail(error)
            return
        for number in there:
            del self.asked[number]
        if there:
            self.line.send(Kind.ANSWER, layout=layout, said=orjson.dumps(there), chunks=chunks)
        began = [bunch.began(number) for number in there]
        self._front.instruments.answered_alike((model.name, model.version, "infer"), OK, began)

    def _lot(self, known: int, names: Sequence[str], arrays: Sequence[Array]) -> Lot | None:
        """The tensors of requests that came together; None: it is one alone, or nobody looked at them."""
        check = self._offer.check(known)
        if check is None or arrays[0].shape[0] == 1:
            return None
        feeds = {name: each.reshape(-1, *each.shape[2:]) for name, each in zip(names, arrays, strict=True)}
        return check.vouched_lot(feeds, arrays[0].shape[1])

    def _portions(
        self, known: int, names: Sequence[str], arrays: Sequence[Array]
    ) -> list[Mapping[str, Array]]:
        check = self._offer.check(known)
        alone = [dict(zip(names, each, strict=True)) for each in zip(*arrays, strict=True)]
        return [each if check is None else check.vouched(each) for each in alone]

    def inferred(self, asked: Inference, model: Answering, outcome: Outcome) -> None:
        """Sends what came out for one request."""
        if self.asked.get(asked.number) is not asked:
            return  # its client is gone
        asked.cancel = None  # it knows the request, which knows this one: together they would stay
        if isinstance(outcome, BaseException):
            asked.fail(outcome)
            return
        call = asked.call
        about = (model.name, model.version, call.version, call.degraded, call.notice)
        try:
            layout = layout_of(about, [each.name for each in model.outputs], outcome)
            chunks = [chunk_of(each) for each in outcome]
        except Exception as error:  # noqa: BLE001 - an output that cannot cross is this request's alone
            asked.fail(error)
            return
        del self.asked[asked.number]
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
        self._lose(frame.number)

    def _count(self, frame: Frame) -> None:
        """An answer that the front gave because the request could not be read."""
        began, peer, log_id, error, status = frame.told()
        exchange = Exchange(cast(Connection, _Asked(self, 0, peer)), began)
        call = exchange.call
        call.complete, call.log_id, call.client, call.error = frame.stamp, log_id, peer, error
        self._front.instruments.answered(call, status)

    def _respond(self, number: int) -> None:
        exchange = self.asked.pop(number, None)
        if isinstance(exchange, Exchange) and exchange.response:
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
