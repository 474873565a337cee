"""One version of one model as it is served: its artifact, its contract, its engines, what was measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from seatrial.contract import Contract, TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import ModelError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import FeedCheck, Precision, SessionOptions, available_runtimes, open_session
from seatrial.serve.batching.batcher import Batcher, Tally
from seatrial.serve.batching.device import AsyncSession
from seatrial.serve.batching.profile import SIZES, Choice, Profile, choose, measure
from seatrial.serve.batching.queueing import Policy, Request
from seatrial.serve.stamps import Stamp, stamp_of_files

if TYPE_CHECKING:
    from seatrial.trust.guard import Guard

SMALLEST_QUEUE = 64
QUEUE_SECONDS = 0.04  # of work that may wait; what comes on top would wait longer than it is worth
UNTIL_READY = 30.0  # seconds that a model may take to come back when the warm-up killed its engine

Outcome = list[Array] | BaseException


@dataclass(frozen=True)
class ServingOptions:
    """How one model is served.

    Attributes:
        runtime: A name from `seatrial list runtimes`, or `auto`.
        threads: Math threads of each engine.
        devices: Engines side by side.
        timeout: Seconds that one batch may take before its engine is killed.
        max_batch_size: Rows; None: from the profile.
        max_queue_delay: Seconds; None: from the profile.
        max_queue_size: Rows that may wait; None: what 40 ms can do, at least two batches and 64.
        precision: Asked of the engine.
        optimize: Whether it rewrites the graph.
        engine: Its own switches.
        tuned_batch_size: Rows, as measured by who tuned the model: the size of batches, no bound of requests.
        told: Where this comes from, for people; empty: from the settings.
    """

    runtime: str = "auto"
    threads: int = 1
    devices: int = 1
    timeout: float = 60.0
    max_batch_size: int | None = None
    max_queue_delay: float | None = None
    max_queue_size: int | None = None
    precision: Precision = "float32"
    optimize: bool = True
    engine: Mapping[str, Any] = field(default_factory=dict)
    tuned_batch_size: int | None = None
    told: str = ""


class ServedModel:
    """A model that takes requests once `load` is done.

    Args:
        name: As clients say it.
        version: Likewise.
        artifact: The model.
        contract: What goes in and out.
        options: How to serve it.
        opens: Opens one session; the default loads the artifact in a worker process.

    Attributes:
        release: Called once its engines have ended: gives back the memory of a sealed model; None: nothing.

    Raises:
        ModelError: The artifact has problems, or the contract names other inputs than the graph.
    """

    def __init__(
        self,
        name: str,
        version: str,
        artifact: Artifact,
        contract: Contract,
        *,
        options: ServingOptions | None = None,
        opens: Callable[[], AsyncSession] | None = None,
    ) -> None:
        if artifact.problems:
            first = artifact.problems[0]
            raise ModelError(f"{first.where}: {first.message}", hint=first.hint)
        self.name, self.version = name, version
        self.artifact = replace(artifact, inputs=narrowed(artifact, contract))
        self._outputs = _named(artifact, contract)
        self.check = FeedCheck(self.artifact.inputs, self.artifact)
        self.contract = contract
        self.options = options or ServingOptions()
        self.profile, self.choice = Profile(), Choice(1, 0.0, "not loaded yet")
        self.runtime = self.options.runtime
        if opens is None:
            if self.runtime == "auto":
                self.runtime = next(iter(available_runtimes(artifact)), "auto")
            opens = partial(_session, artifact, self.runtime, self.options, _stamp(artifact))
        self._loop = asyncio.get_running_loop()
        self.guard: Guard | None = None  # says whether a request is licensed; None: none is needed
        self._holds = 0
        self._let_go: asyncio.Event | None = None
        self.release: Callable[[], None] | None = None
        self.batcher = Batcher(
            Policy(max_queue_size=1 << 30),
            [opens] * self.options.devices,
            timeout=self.options.timeout,
            service=self._service_seconds,
        )

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Specs of the graph, narrowed by the contract."""
        return self.artifact.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Specs of the graph under the contract's names, which are the same in every format."""
        return self._outputs

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.batcher.ready

    async def load(
        self, *, sample: Mapping[str, Array] | None = None, like: ServedModel | None = None
    ) -> None:
        """Starts the engines, warms them up, measures, and chooses how to batch.

        Args:
            sample: One prepared row to warm up with instead of made-up numbers.
            like: The version that this one may replace; what it takes is taken here, too, though this one
                was measured on a busier machine.

        Raises:
            SeatrialError: An engine cannot load the model.
        """
        await self.batcher.start()
        options = self.options
        size = options.max_batch_size or options.tuned_batch_size
        self.profile = await measure(
            self.run,
            self.inputs,
            clock=self.batcher.clock,
            largest=size or SIZES[-1],
            sample=sample,
        )
        self.choice = choose(self.profile, largest=size, delay=options.max_queue_delay)
        if like is not None:
            self._as_roomy_as(like)
        size = self.choice.max_batch_size
        worth = int(QUEUE_SECONDS * self.options.devices * self.profile.rate)
        before = 0 if like is None else like.batcher.queue.policy.max_queue_size
        waiting = options.max_queue_size or max(2 * size, SMALLEST_QUEUE, worth, before)
        until = self._loop.time() + UNTIL_READY
        while not self.batcher.ready and self._loop.time() < until:
            await asyncio.sleep(0.05)  # made-up numbers killed the engine; it is on its way back
        self.batcher.tally = Tally()
        # A size that nobody asked for is what is quickest, not what may be asked.
        larger = options.max_batch_size is None
        self.batcher.queue.policy = Policy(size, self.choice.max_queue_delay, waiting, larger)

    def _as_roomy_as(self, other: ServedModel) -> None:
        size = other.choice.max_batch_size
        free = self.options.max_batch_size is None and self.profile.whole and bool(self.profile.seconds)
        if free and size > self.choice.max_batch_size:
            why = f"{self.choice.why}; as large as before"
            self.choice = replace(self.choice, max_batch_size=size, why=why)

    def submit(
        self,
        feeds: Mapping[str, Array],
        done: Callable[[Outcome], None],
        *,
        deadline: float | None = None,
        priority: int = 1,
        arrived: float = 0.0,
    ) -> Request:
        """Takes one request; `done` is called once, later, with its rows of the outputs or the error.

        Args:
            feeds: Arrays by input name.
            done: Told the outcome, in the event loop.
            deadline: On `batcher.clock`.
            priority: Index into `queueing.PRIORITIES`.
            arrived: When it came, on `batcher.clock`; 0: now.

        Raises:
            ContractViolation: The feeds break the specs.
            UsageError: More rows than a batch may have.
            Unavailable: The queue is full.
            TrustError: The license does not permit it, or not so much.
        """
        passed = self.check(feeds)
        now = arrived or self.batcher.clock()
        request = Request(passed, passed.rows, done, now, deadline, priority, passed.shape)
        guard = self.guard
        if guard is None:
            self.batcher.submit(request)
            return request
        guard.take(passed.rows)
        try:
            self.batcher.submit(request)
        except BaseException:
            guard.give(passed.rows)
            raise
        return request

    def _service_seconds(self, rows: int) -> float:
        return self.profile.service(rows)

    async def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """One request of our own, awaited: to warm up, to measure, to prove; no license counts it."""
        answer: asyncio.Future[list[Array]] = self._loop.create_future()

        def done(outcome: Outcome) -> None:
            if answer.done():
                return
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        passed = self.check(feeds)
        request = Request(passed, passed.rows, done, self.batcher.clock(), None, 1, passed.shape)
        self.batcher.submit(request)
        try:
            return await answer
        except asyncio.CancelledError:
            self.batcher.cancel(request)
            raise

    def hold(self) -> None:
        """Says that a request was promised to this version and will be submitted later.

        What begins on a version ends on it: a version that was replaced takes requests until each `hold`
        was met by a `let_go`. Not needed when a model is looked up and asked in the same turn of the loop.
        """
        self._holds += 1

    def let_go(self) -> None:
        """Ends a `hold`."""
        self._holds -= 1
        if not self._holds and self._let_go is not None:
            self._let_go.set()

    async def drain(self) -> None:
        """Answers what was promised and what is there, takes nothing new, ends the engines."""
        if self._holds:
            self._let_go = self._let_go or asyncio.Event()
            await self._let_go.wait()
        await self.batcher.drain()

    async def close(self) -> None:
        """Ends the engines at once, and gives back what held the model; what waits is told."""
        try:
            await self.batcher.close()
        finally:
            release, self.release = self.release, None
            if release is not None:
                await asyncio.to_thread(release)


def _named(artifact: Artifact, contract: Contract) -> tuple[TensorSpec, ...]:
    """The outputs of a graph as the contract calls them; it binds them by their order."""
    if len(contract.outputs) != len(artifact.outputs):
        return artifact.outputs
    return tuple(
        replace(spec, name=said.name) for spec, said in zip(artifact.outputs, contract.outputs, strict=True)
    )


def _session(artifact: Artifact, runtime: str, options: ServingOptions, stamp: Stamp) -> Any:
    # An engine that died long after the files were replaced must not come back as another version.
    if _stamp(artifact) != stamp and open_model(artifact.path).digest != artifact.digest:
        raise ModelError(
            f"the files of {artifact.path} are not those that were loaded",
            hint="give each version a folder of its own",
        )
    # Unverified: feeds were checked request by request, so that one cannot fail a whole batch.
    session = SessionOptions(
        threads=options.threads,
        precision=options.precision,
        optimize=options.optimize,
        engine=dict(options.engine),
        timeout=options.timeout,
        cpu_limit=_FOR_EVER,
    )
    return open_session(artifact, runtime, session, unverified=True)


def _stamp(artifact: Artifact) -> Stamp:
    return stamp_of_files([each.path for each in artifact.files])


_FOR_EVER = 1 << 31  # CPU seconds: a server's engine is not ended for having worked


def narrowed(artifact: Artifact, contract: Contract) -> tuple[TensorSpec, ...]:
    """The graph's inputs with what the contract knows better: fixed dimensions, ranges, layouts.

    Raises:
        ModelError: The contract names other inputs than the graph.
    """
    known = {spec.name: spec for spec in contract.inputs}
    if set(known) != {spec.name for spec in artifact.inputs}:
        raise ModelError(
            f"the contract's inputs ({', '.join(known)}) are not the graph's "
            f"({', '.join(spec.name for spec in artifact.inputs)})",
            hint="write the contract again with: seatrial contract init MODEL",
        )
    return tuple(_narrowed(spec, known[spec.name]) for spec in artifact.inputs)


def _narrowed(graph: TensorSpec, said: TensorSpec) -> TensorSpec:
    shape = graph.shape
    if len(said.shape) == len(shape):
        shape = tuple(
            mine if isinstance(mine, int) or theirs is None else theirs
            for mine, theirs in zip(shape, said.shape, strict=True)
        )
    return replace(graph, shape=shape, layout=said.layout or graph.layout, low=said.low, high=said.high)
