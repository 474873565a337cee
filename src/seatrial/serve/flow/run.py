"""One request on its way through a pipeline: each stage begins as soon as what it takes is there.

Everything but the work itself happens in the event loop: joints run in the service's threads, models in their
engines. Values are handed over in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from seatrial.contract.answer import plain
from seatrial.errors import ContractViolation, ModelError, SeatrialError
from seatrial.serve.call import Call
from seatrial.serve.flow.declaration import REQUEST, Flow, Stage
from seatrial.serve.flow.feed import Feed
from seatrial.serve.flow.values import HOLE, found, joined, without_holes
from seatrial.serve.limits import Limits, check_payload
from seatrial.serve.model import ServedModel

Cancel = Callable[[], None]
Answered = Callable[[Any], None]


class Asks(Protocol):
    """What a run needs of the service."""

    limits: Limits

    @property
    def pool(self) -> Executor:
        """Threads for joints."""
        ...

    def model(self, name: str, version: str, call: Call) -> Any:
        """Who answers for a name."""
        ...

    def predict(self, model: ServedModel, payload: Any, done: Answered, call: Call) -> Cancel:
        """Asks a model; returns what to call for cancelling."""
        ...


class FlowRun:
    """One request.

    Args:
        flow: The pipeline.
        service: Asks the models.
        feeds: The way to each model by name and version.
        payload: What the client sent.
        done: Told the answer or the error, once, later, unless the run is cancelled.
        call: Of the request.

    Raises:
        SeatrialError: A model is not there.
    """

    def __init__(
        self,
        flow: Flow,
        service: Asks,
        feeds: Mapping[tuple[str, str], Feed],
        *,
        payload: Any,
        done: Answered,
        call: Call,
    ) -> None:
        self.flow, self.service, self.feeds, self.call = flow, service, feeds, call
        self._done = done
        self._values: dict[str, Any] = {REQUEST: payload}
        self._waiting = dict(flow.stages)
        self._cancels: dict[str, Cancel] = {}
        self._over = False
        self._began: dict[str, float] = {}
        self.deadline = _deadline(call.parameters)
        self.models: dict[tuple[str, str], tuple[ServedModel, Call]] = {}
        self._resolve()
        self._next()

    def cancel(self) -> None:
        """Stops what has not begun, in every stage."""
        self._end()

    def _resolve(self) -> None:
        """Which versions answer is settled once, for all items: an update under way does not mix them."""
        try:
            for name, version in self.flow.models:
                call = replace(self.call, stages=[], seconds={}, facts={}, payload=None, body=b"")
                model = self.service.model(name, version, call)
                model.hold()
                self.models[name, version] = model, call
        except BaseException:
            self._let_go()
            raise

    def child(self, stage: Stage) -> tuple[ServedModel, Call]:
        """Who answers for a stage, and the call to ask with: it has the time that is left.

        Raises:
            TimeoutError: There is none.
        """
        model, call = self.models[stage.model, stage.version]
        parameters = dict(self.call.parameters)
        if self.deadline is not None:
            left = int((self.deadline - time.monotonic()) * 1e6)
            if left <= 0:
                raise TimeoutError("the deadline cannot be met any more")
            parameters["timeout"] = left
        return model, replace(call, parameters=parameters, stages=[], seconds={})

    def note(self, stage: Stage, call: Call) -> None:
        """Tells the request's own call what became of a stage's."""
        if call.degraded and not self.call.degraded:
            self.call.degraded, self.call.why = f"{stage.name}:{call.degraded}", call.why
        for model, request in call.stages:
            # The first one's numbers are summed up in the log; a page's thousand crops are not kept for it.
            feeds = {} if self.call.stages else request.feeds
            self.call.stages.append((model, replace(request, feeds=feeds)))

    def _next(self) -> None:
        """Begins every stage whose values are there; answers when all are done."""
        ready = [
            each
            for each in self._waiting.values()
            if all(at.stage in self._values for at in each.takes.values())
        ]
        for stage in ready:
            del self._waiting[stage.name]
        for stage in ready:
            if self._over:
                return
            self._began[stage.name] = time.monotonic()
            try:
                self._begin(stage)
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
                self.failed(stage, error)
        if not self._over and len(self._values) > len(self.flow.stages):
            self._in_pool("", self._answer, self._answered)

    def _begin(self, stage: Stage) -> None:
        taken = {key: found(self._values, at) for key, at in stage.takes.items()}
        if stage.joint is not None:
            work = partial(_bounded, stage, taken, self.service.limits)
            self._in_pool(stage.name, work, partial(self.finished, stage))
            return
        (value,) = taken.values()
        if stage.many:
            self._each(stage, value)
        elif value is HOLE:
            self.finished(stage, HOLE)
        else:
            items = Items(self, stage, [value])
            self._cancels[stage.name] = items.cancel
            items.ask_at_once()

    def _each(self, stage: Stage, value: Any) -> None:
        if not isinstance(value, list):
            raise ContractViolation(f"'{stage.takes['each']}' is no list")
        if len(value) > self.flow.most_items:
            raise ContractViolation(
                f"{len(value)} items of '{stage.takes['each']}', at most {self.flow.most_items} may be",
                hint="raise most_items in the pipeline's file, or send less at once",
            )
        if all(each is HOLE for each in value):
            self.finished(stage, list(value))
            return
        items = Items(self, stage, value)
        self._cancels[stage.name] = items.cancel
        self.feeds[stage.model, stage.version].put(items)

    def _in_pool(self, name: str, work: Callable[[], Any], then: Answered) -> None:
        future = asyncio.get_running_loop().run_in_executor(self.service.pool, work)
        self._cancels[name] = partial(_cancelled, future)

        def ended(future: asyncio.Future[Any]) -> None:
            if future.cancelled() or self._over:
                return
            error = future.exception()
            if error is None:
                then(future.result())
            elif name:
                self.failed(self.flow.stages[name], error)
            else:
                self._tell(error)

        future.add_done_callback(ended)

    def finished(self, stage: Stage, value: Any) -> None:
        """Takes the result of a stage."""
        if self._over:
            return
        self._cancels.pop(stage.name, None)
        now = time.monotonic()
        self.call.seconds[stage.name] = now - self._began[stage.name]
        self._values[stage.name] = value
        self._next()

    def failed(self, stage: Stage, error: BaseException, item: int | None = None) -> None:
        """Ends the request with the error of a stage."""
        if not self._over:
            where = f"stage '{stage.name}'" + ("" if item is None else f", item {item}")
            self._tell(at_stage(error, where))

    def _answer(self) -> Any:
        values = {key: without_holes(found(self._values, at)) for key, at in self.flow.answer.items()}
        answer = plain(values.get("", values))
        if self.flow.output_schema:
            error = next(self.flow.validator.iter_errors(answer), None)
            if error is not None:
                path = error.json_path.replace("$", "answer", 1)
                raise ContractViolation(f"{path}: {error.message[:300]}")
        return answer

    def _answered(self, answer: Any) -> None:
        self._tell(answer)

    def _tell(self, outcome: Any) -> None:
        self._end()
        self._done(outcome)

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        for each in list(self._cancels.values()):
            each()
        self._cancels.clear()
        self._values.clear()
        self._let_go()

    def _let_go(self) -> None:
        for model, _ in self.models.values():
            model.let_go()
        self.models.clear()


class Items:
    """The items of one stage of one request, asked one by one and joined in order.

    Args:
        run: The request.
        stage: Of a model.
        values: The items; holes stay holes.
    """

    def __init__(self, run: FlowRun, stage: Stage, values: Sequence[Any]) -> None:
        self._run, self._stage = run, stage
        self._feed: Feed | None = run.feeds[stage.model, stage.version] if stage.many else None
        self._values = list(values)
        self._results: list[Any] = [HOLE] * len(values)
        self._todo = iter([place for place, each in enumerate(values) if each is not HOLE])
        self._next = next(self._todo, None)
        self._missing = sum(each is not HOLE for each in values)
        self._cancels: dict[int, Cancel] = {}
        self._under_way: set[int] = set()

    @property
    def left(self) -> bool:
        """Whether items wait to be handed over."""
        return self._next is not None

    def ask_at_once(self) -> None:
        """Asks for the only item without waiting for anybody: a request that is one too many is refused."""
        self.hand_over()

    def hand_over(self) -> None:
        """Asks the model for the next item."""
        place = self._next
        if place is None:
            return
        self._next = next(self._todo, None)
        value, self._values[place] = self._values[place], None
        self._under_way.add(place)
        try:
            model, call = self._run.child(self._stage)
            cancel = self._run.service.predict(model, value, partial(self._ended, place, call), call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            self._ended(place, None, error)
            return
        if place in self._under_way:
            self._cancels[place] = cancel

    def cancel(self) -> None:
        """Stops what has not begun; nobody is told."""
        self._next = None
        cancels, self._cancels = self._cancels, {}
        for each in cancels.values():
            each()
        left, self._under_way = self._under_way, set()
        if self._feed is not None:
            for _ in left:
                self._feed.ended()

    def _ended(self, place: int, call: Call | None, outcome: Any) -> None:
        if place not in self._under_way:
            return
        self._under_way.discard(place)
        self._cancels.pop(place, None)
        if call is not None:
            self._run.note(self._stage, call)
        if self._feed is not None:
            self._feed.ended()
        if isinstance(outcome, BaseException):
            if not (self._stage.drop and isinstance(outcome, ModelError)):
                self._run.failed(self._stage, outcome, place if self._stage.many else None)
                return
        else:
            self._results[place] = outcome
        self._missing -= 1
        if not self._missing:
            results = self._results if self._stage.many else self._results[0]
            self._run.finished(self._stage, results)


def at_stage(error: BaseException, where: str) -> BaseException:
    """The error with the stage's name in its words; a bug stays as it is."""
    if isinstance(error, SeatrialError):
        told = type(error).__new__(type(error))  # some take more than a message
        told.__dict__.update(error.__dict__)
        told.message = f"{where}: {error.message}"
        told.args = (told.message,)
        told.__cause__ = error
        return told
    if isinstance(error, TimeoutError):
        return TimeoutError(f"{where}: {error}")
    return error


def _deadline(parameters: Mapping[str, Any]) -> float | None:
    micros = parameters.get("timeout")
    if type(micros) is not int or micros <= 0:
        return None  # what is no number of microseconds is refused where the first model is asked
    return time.monotonic() + micros / 1e6


def _cancelled(future: asyncio.Future[Any]) -> None:
    future.cancel()


def _bounded(stage: Stage, taken: Mapping[str, Any], limits: Limits) -> Any:
    """`joined`, once what the client sent is known to be small enough."""
    for each in taken.values():
        check_payload(each, limits)
    return joined(stage, taken)
