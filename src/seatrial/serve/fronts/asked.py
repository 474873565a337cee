"""What stands in the hub for requests that a front has read: one by one, or a bunch of them as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from seatrial.runtimes import Lot, Portion
from seatrial.serve.batching.queueing import Request
from seatrial.serve.call import Call
from seatrial.serve.model import Outcome, ServedModel
from seatrial.serve.status import GONE

if TYPE_CHECKING:
    from seatrial.serve.fronts.hub import Hub


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


class Bunch:
    """Requests of one frame that are one in the queue, as long as nothing happens to one of them.

    Args:
        hub: Of the front.
        first: Number of the first.
        told: By the front of each.
        model: That answers them.
        lot: Their tensors.
    """

    __slots__ = ("_hub", "_told", "first", "lot", "model", "request")

    def __init__(
        self, hub: Hub, first: int, told: Sequence[Sequence[Any]], model: ServedModel, lot: Lot
    ) -> None:
        self._hub, self.first, self._told, self.model, self.lot = hub, first, told, model, lot
        whole = Portion(lot, 0)
        whole.rows = len(told) * lot.rows
        arrivals = [each[0] for each in told]
        self.request = Request(
            whole, whole.rows, self._done, min(arrivals), shape=lot.shape, apart=self.apart, arrivals=arrivals
        )

    @property
    def numbers(self) -> range:
        """Of the requests, those included whose clients are gone."""
        return range(self.first, self.first + len(self._told))

    def began(self, number: int) -> float:
        """When the first byte of one came."""
        seconds: float = self._told[number - self.first][1]
        return seconds

    def one(self, number: int) -> Inference:
        """One of them, for itself."""
        path = f"/v2/models/{self.model.name}/infer"
        found = Inference(self._hub, number, path, self._told[number - self.first])
        found.call.model, found.call.version = self.model.name, self.model.version
        return found

    def apart(self) -> list[Request]:
        """Those whose clients are there, each for itself from here on."""
        singles = []
        for place, number in enumerate(self.numbers):
            if self._hub.asked.get(number) is not self:
                continue
            asked = self._hub.asked[number] = self.one(number)
            request = Request(
                self.lot.portion(place), self.lot.rows, partial(self._hub.inferred, asked, self.model),
                asked.call.complete, shape=self.lot.shape,
            )  # fmt: skip
            asked.call.stages.append((self.model, request))
            asked.cancel = partial(self.model.batcher.cancel, request)
            singles.append(request)
        return singles

    def _done(self, outcome: Outcome) -> None:
        self._hub.bunch_done(self, outcome)
