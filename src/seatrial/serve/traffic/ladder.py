"""The ladder: what is done, from the top, with requests that their model cannot answer in time.

A rung is stepped on when one of its reasons holds *before* the model is asked (its queue is long, the
deadline cannot be met, its engine is gone), or when the model failed for one of them. A rung that cannot help
is passed over. When none can, the model is asked all the same, or its error is told: a ladder never makes
an answer worse than it would have been. An error that is the request's own goes to its client.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure
from seatrial.serve.batching.queueing import Request
from seatrial.serve.model import Outcome, ServedModel
from seatrial.serve.settings import Rung
from seatrial.serve.traffic.ask import Ask, Cancel
from seatrial.serve.traffic.pressure import Why, crowded, late, why_failed
from seatrial.serve.traffic.steps import CachedAnswer, DeclaredError, OtherModel, RemoteAnswer, Step

_log = logging.getLogger("seatrial.serve")


class Ladder:
    """One model's rungs.

    Args:
        rungs: From the top, with what each does.
    """

    def __init__(self, rungs: Sequence[tuple[Rung, Step]]) -> None:
        self.rungs = tuple(rungs)
        self.under_way: set[_Descent] = set()
        self.caches = [step for _, step in self.rungs if isinstance(step, CachedAnswer)]

    def infer(self, model: ServedModel, ask: Ask) -> Cancel:
        """Asks the model, or what stands in for it; returns what to call when the caller is gone.

        Raises:
            SeatrialError: The request is refused at once, and no rung could help.
        """
        model.batcher.bereft = self._bereft  # a version may have come since
        return _Descent(self, model, ask).begin()

    def close(self) -> None:
        """Ends the connections that are kept; what is under way is still answered."""
        for _, step in self.rungs:
            if isinstance(step, RemoteAnswer):
                step.remote.close()

    def _bereft(self) -> None:
        """A last engine died: who waits for it does not wait until it is back."""
        for each in list(self.under_way):
            each.engine_gone()


class _Descent:
    """One request on its way down."""

    __slots__ = (
        "_ask", "_asked", "_cancel", "_deadly", "_forced", "_ladder", "_model", "_place", "_request", "_rows",
    )  # fmt: skip

    def __init__(self, ladder: Ladder, model: ServedModel, ask: Ask) -> None:
        feeds = model.check(ask.feeds)  # nobody else is asked what the model would refuse
        self._ladder, self._model, self._ask = ladder, model, ask.of_feeds(feeds)
        self._rows = feeds.rows
        self._place = 0  # the next rung
        self._forced: Why | None = None  # what the model failed for
        self._asked: BaseException | None = None  # what it said then
        self._deadly = False
        self._request: Request | None = None  # at the model
        self._cancel: Cancel | None = None  # on the rung

    def begin(self) -> Cancel:
        """Begins at the first rung that holds and can help, else at the model.

        Raises:
            SeatrialError: The model refuses, and no rung could help.
        """
        if self._down():
            return self.cancel
        try:
            self._at_model(self._answered)
        except Exception as error:
            if not self._fails(error):
                raise
        return self.cancel

    def cancel(self) -> None:
        """The caller is gone."""
        self._ladder.under_way.discard(self)
        if self._request is not None:
            self._model.batcher.cancel(self._request)
        if self._cancel is not None:
            self._cancel()

    def engine_gone(self) -> None:
        """Steps down when the engine died while this waited in the queue; who was on it is tried again."""
        request = self._request
        if request is None or request.state != "queued" or _has_engine(self._model):
            return
        self._forced, self._place = "device", 0
        if self._down():
            self._model.batcher.withdraw(request)
            self._ladder.under_way.discard(self)
            self._request = None

    def _at_model(self, done: Callable[[Outcome], None]) -> None:
        self._request = self._ask.told(done).of(self._model)
        self._ladder.under_way.add(self)

    def _answered(self, outcome: Outcome) -> None:
        """The model has spoken."""
        self._ladder.under_way.discard(self)
        if not isinstance(outcome, BaseException):
            self._keep(outcome)
        elif self._fails(outcome):
            return
        self._ask.done(outcome)

    def _keep(self, outputs: list[Array]) -> None:
        for each in self._ladder.caches:
            try:
                each.keep(self._model, self._ask, outputs)
            except Exception:  # noqa: BLE001 - an answer that cannot be kept is given all the same
                _log.exception("%s: an answer could not be kept", self._model.name)

    def _fails(self, error: BaseException) -> bool:
        """Whether a rung takes over from a model that failed."""
        self._request, self._place = None, 0
        self._forced, self._asked = why_failed(self._model, error), error
        # What killed an engine twice is not handed from model to model.
        self._deadly = isinstance(error, EngineFailure) and error.kind == "signal"
        return self._forced is not None and self._down()

    def _down(self) -> bool:
        """Goes to the next rung that holds and can help; False: there is none."""
        rungs = self._ladder.rungs
        while self._place < len(rungs):
            rung, step = rungs[self._place]
            self._place += 1
            why = self._forced if self._forced in rung.when else self._holds(rung)
            if why is None or (self._deadly and isinstance(step, OtherModel | RemoteAnswer)):
                continue
            ask = self._ask.told(partial(self._stood_in, step, why))
            try:
                self._cancel = step.take(self._model, ask, self._rows)
            except Exception:  # noqa: BLE001 - the next rung may help; the caller must get some answer
                _log.exception("%s: the rung '%s' failed", self._model.name, step.name)
                continue
            if self._cancel is not None:
                return True
        return False

    def _holds(self, rung: Rung) -> Why | None:
        """Which of a rung's reasons holds now, before the model is asked."""
        if "device" in rung.when and not self._model.ready:
            return "device"
        if "queue" in rung.when and crowded(self._model, self._rows, rung.queue_rows):
            return "queue"
        if "deadline" in rung.when and late(self._model, self._rows, self._ask.deadline):
            return "deadline"
        return None

    def _stood_in(self, step: Step, why: Why, outcome: Outcome) -> None:
        """A rung has spoken; one that failed is followed by the next, and in the end by the model itself."""
        self._cancel = None
        if isinstance(outcome, BaseException) and not isinstance(step, DeclaredError):
            self._after(step, outcome)
            return
        call = self._ask.call
        call.degraded = f"{call.degraded}, {step.name}" if call.degraded else step.name  # a pipeline's stages
        call.why = why
        self._ask.done(outcome)

    def _after(self, step: Step, error: BaseException) -> None:
        _log.debug("%s: the rung '%s' could not help: %s", self._model.name, step.name, error)
        if self._down():
            return
        if self._asked is not None:
            self._ask.done(self._asked)
            return
        try:
            self._at_model(self._ended)
        except Exception as refused:  # noqa: BLE001 - whatever it is, it belongs to the caller
            self._ask.done(refused)

    def _ended(self, outcome: Outcome) -> None:
        self._ladder.under_way.discard(self)
        self._ask.done(outcome)


def _has_engine(model: ServedModel) -> bool:
    return any(each.ready for each in model.batcher.devices)
