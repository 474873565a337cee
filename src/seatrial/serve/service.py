"""The inference service, without any protocol: models by name and version, tensors or payloads in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from seatrial.contract import Context
from seatrial.contract.sample import Array, Payload
from seatrial.errors import NotFound, Unavailable, UsageError
from seatrial.serve.batching.queueing import PRIORITIES
from seatrial.serve.call import Call
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.limits import Limits, check_payload
from seatrial.serve.metadata import model_metadata
from seatrial.serve.model import Outcome, ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.traffic.ask import Ask
from seatrial.serve.traffic.plans import Traffic
from seatrial.serve.versions.keeper import Keeper, Listed

MOST_PREPARING = 256  # payloads that may wait for a thread

Cancel = Callable[[], None]
Answering = ServedModel | ServedPipeline


class InferenceService:
    """What front ends speak to. It lives in one event loop.

    Args:
        repository: The models; more may come and go later.
        keeper: Loads and unloads them; without one they stay as they are.
        threads: That prepare payloads; by default one a processor, at most 8.
        limits: What payloads may be.
    """

    def __init__(
        self,
        repository: Repository | None = None,
        *,
        keeper: Keeper | None = None,
        threads: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.repository = repository or Repository()
        self.keeper = keeper or Keeper(self.repository)
        self.traffic = Traffic(self.repository)
        self.keeper.named = self.traffic.named
        self._threads = threads or min(os.cpu_count() or 1, 8)
        self.pool = ThreadPoolExecutor(self._threads, thread_name_prefix="seatrial-prepare")
        self.pipelines: dict[str, ServedPipeline] = {}
        self.keeper.also = self._listed
        self.preparing = 0
        self._draining = False

    @property
    def models(self) -> list[ServedModel]:
        """Every version of every model, in the order they came."""
        return self.repository.models

    @property
    def ready(self) -> bool:
        """Whether every model answers."""
        models_ready = all(each.ready for each in self.models)
        return not self._draining and models_ready and all(each.ready for each in self.pipelines.values())

    def model(self, name: str, version: str, call: Call) -> Answering:
        """The model or pipeline that a request is for; without a version the current one.

        Args:
            name: As the client says it.
            version: Likewise; empty: not said.
            call: Is told who answers.

        Raises:
            NotFound: There is no such model or version.
            Unavailable: None of the versions that the route names is ready.
        """
        if self.pipelines and name in self.pipelines:
            pipeline = self.find(name, version)
            call.model, call.version = pipeline.name, pipeline.version
            return pipeline
        plans = self.traffic.plans
        if plans and (plan := plans.get(name)) is not None:
            call.pinned = bool(version)
            version = version or self.traffic.version(plan, name, call)
        model = self.repository.model(name, version)
        call.model, call.version = model.name, model.version
        return model

    def find(self, name: str, version: str = "") -> Answering:
        """A model or pipeline by its name, for questions about it; requests ask `model`.

        Raises:
            NotFound: There is no such model or version.
        """
        pipeline = self.pipelines.get(name)
        if pipeline is None:
            return self.repository.model(name, version)
        if version not in ("", pipeline.version):
            raise NotFound(f"'{name}' has no version '{version[:80]}'", hint=f"it has: {pipeline.version}")
        return pipeline

    def describe(self, name: str, version: str = "") -> dict[str, Any]:
        """The metadata of a model or pipeline, as the Open Inference Protocol v2 has it.

        Raises:
            NotFound: There is no such model or version.
        """
        found = self.find(name, version)
        if isinstance(found, ServedPipeline):
            return found.metadata()
        return model_metadata(found, self.repository.versions(name))

    def infer(
        self,
        model: Answering,
        feeds: Mapping[str, Array],
        done: Callable[[Outcome], None],
        call: Call,
        *,
        arrived: float = 0.0,
    ) -> Cancel:
        """Tensors in, tensors out; returns what to call when the caller is gone.

        Args:
            model: From `model`.
            feeds: Arrays by input name.
            done: Told the outputs or the error, once, later.
            call: Its `parameters` say `timeout` and `priority`, as Open Inference Protocol clients send them.
            arrived: When they came to another process of ours, on `time.monotonic`'s clock; 0: now.

        Raises:
            SeatrialError: The request is refused at once.
        """
        if isinstance(model, ServedPipeline):
            return model.infer(self, feeds, done, call)
        if model.guard is not None and model.guard.notice:
            call.notice = model.guard.notice
        parameters = call.parameters
        arrived = arrived or model.batcher.clock()
        deadline, priority = _deadline(parameters, arrived), _priority(parameters)
        plans = self.traffic.plans
        if plans and (plan := plans.get(model.name)) is not None:
            return plan.infer(model, Ask(feeds, done, call, deadline, priority, arrived))
        request = model.submit(feeds, done, deadline=deadline, priority=priority, arrived=arrived)
        call.stages.append((model, request))
        return partial(model.batcher.cancel, request)

    def apart(self, model: Answering, work: Callable[[], Any], then: Callable[[Any], None]) -> Cancel:
        """Does what takes long in a thread; returns what to call when nobody wants it any more.

        Args:
            model: That is asked afterwards, and does not go before.
            work: In a thread.
            then: Told what came out, or the error, in the event loop.

        Raises:
            Unavailable: Too much waits for a thread.
        """
        if self.preparing >= MOST_PREPARING:
            raise Unavailable(f"{self.preparing} payloads are being prepared", hint="try again later")
        future = asyncio.get_running_loop().run_in_executor(self.pool, work)
        held = model if isinstance(model, ServedModel) else None
        if held is not None:
            held.hold()
        self.preparing += 1

        def ended(future: asyncio.Future[Any]) -> None:
            self.preparing -= 1
            try:
                if not future.cancelled():
                    then(future.exception() or future.result())
            finally:
                if held is not None:
                    held.let_go()

        future.add_done_callback(ended)
        return partial(_cancel, future)

    def predict(self, model: Answering, payload: Payload, done: Callable[[Any], None], call: Call) -> Cancel:
        """A payload as people have it in, the contract's answer out; returns what to call for cancelling.

        Args:
            model: From `model`.
            payload: Bytes of a picture, a text, arrays. A text is text: it never names a file of the server.
            done: Told the answer or the error (an exception), once, later.
            call: Of the request.

        Raises:
            Unavailable: Too many payloads wait to be prepared.
        """
        if isinstance(model, ServedPipeline):
            return model.predict(self, payload, done, call)
        if self.preparing >= MOST_PREPARING:
            raise Unavailable(f"{self.preparing} payloads are being prepared", hint="try again later")
        call.payload = payload
        return _Prediction(self, model, payload, done, call).cancel

    def _listed(self) -> list[Listed]:
        """The pipelines, for the repository's index."""
        return [
            Listed(each.name, each.version, "READY")
            if each.ready
            else Listed(each.name, each.version, "UNAVAILABLE", "one of its models is not ready")
            for each in self.pipelines.values()
        ]

    async def drain(self) -> None:
        """Answers what is there, takes nothing new, ends the engines."""
        self._draining = True
        await asyncio.gather(*(each.drain() for each in self.models))
        await self.keeper.close()
        await asyncio.gather(*(each.close() for each in self.models))
        self.traffic.close()
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def close(self) -> None:
        """Ends the engines at once; who still waits is told."""
        self._draining = True
        self.traffic.close()
        await self.keeper.close()
        await asyncio.gather(*(each.close() for each in self.models))
        self.pool.shutdown(wait=False, cancel_futures=True)

    def stop_being_ready(self) -> None:
        """Says `not ready` from now on, so that balancers send no more."""
        self._draining = True


class _Prediction:
    """One payload on its way: prepared in a thread, inferred in a batch, answered in a thread."""

    def __init__(
        self,
        service: InferenceService,
        model: ServedModel,
        payload: Payload,
        done: Callable[[Any], None],
        call: Call,
    ) -> None:
        self._service, self._model, self._done, self._call = service, model, done, call
        self._context = Context()
        self._cancel: Cancel = lambda: None
        self._gone = False
        self._held = True
        self._in_pool(partial(_prepare, model, payload, service.limits), self._prepared)
        model.hold()  # it may be replaced while this payload is prepared

    def cancel(self) -> None:
        """Stops what has not begun."""
        self._gone = True
        self._cancel()
        self._let_go()

    def _let_go(self) -> None:
        if self._held:
            self._held = False
            self._model.let_go()

    def _in_pool(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._service.pool, work)
        self._service.preparing += 1
        self._cancel = partial(_cancel, future)

        def ended(future: asyncio.Future[Any]) -> None:
            self._service.preparing -= 1
            if future.cancelled() or self._gone:
                return
            error = future.exception()
            if error is not None:
                self._let_go()
                self._done(error)
            else:
                then(future.result())

        future.add_done_callback(ended)

    def _prepared(self, prepared: tuple[dict[str, Array], Context]) -> None:
        feeds, self._context = prepared
        try:
            self._cancel = self._service.infer(self._model, feeds, self._inferred, self._call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            self._done(error)
        finally:
            self._let_go()  # from here on the batcher knows of it

    def _inferred(self, outcome: Outcome) -> None:
        if self._gone:
            return
        if isinstance(outcome, BaseException):
            self._done(outcome)
            return
        self._in_pool(partial(self._model.contract.answer, outcome, 0, self._context), self._done)


def _prepare(model: ServedModel, payload: Payload, limits: Limits) -> tuple[dict[str, Array], Context]:
    # In a thread as well: even the header of a picture can be made to take long.
    check_payload(payload, limits)
    return model.contract.prepare(payload, files=False)


def _cancel(future: asyncio.Future[Any]) -> None:
    future.cancel()


def _deadline(parameters: Mapping[str, Any], arrived: float) -> float | None:
    micros = parameters.get("timeout")
    if micros is None:
        return None
    if type(micros) is not int or micros < 0:
        raise UsageError("parameters.timeout: expected microseconds", hint='such as {"timeout": 50000}')
    return arrived + micros / 1e6 if micros else None


def _priority(parameters: Mapping[str, Any]) -> int:
    """0 is the server's default, 1 the highest, as in the peers that have priorities; names are taken too."""
    given = parameters.get("priority", 0)
    if isinstance(given, str) and given in PRIORITIES:
        return PRIORITIES.index(given)
    if type(given) is not int or given < 0:
        raise UsageError(
            "parameters.priority: expected a number from 0", hint="or one of " + ", ".join(PRIORITIES)
        )
    return min(given - 1, len(PRIORITIES) - 1) if given else PRIORITIES.index("normal")
