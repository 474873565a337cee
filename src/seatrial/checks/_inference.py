"""Takes samples through the contract and an engine once, for every check that needs the answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, overload
from weakref import WeakKeyDictionary

from seatrial.checks._trial import SessionPool, Trial
from seatrial.contract import Context, Contract
from seatrial.contract.feeds import join, split
from seatrial.contract.sample import Array, Sample
from seatrial.errors import ContractViolation, EngineFailure, SeatrialError, UsageError
from seatrial.runtimes import Exercise, Session, SessionOptions

Feed = dict[str, Array]

_MAX_BATCH = 32
# Engines keep buffers of every shape they met: 32 text lines at once cost Paddle with oneDNN 4 GB.
_MAX_BATCH_BYTES = 1 << 20
_MAX_WAITING_BYTES = 256 << 20  # of samples that wait for others of their shape
_MAX_DEATHS = 3  # an engine that died this often on real samples is not asked again
_FEED_BUDGET = 192 << 20  # bytes of feeds kept; beyond it they are prepared again when asked for
_CACHE_BUDGET = 768 << 20  # bytes of outputs kept per pool, oldest passes are forgotten first


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample without an answer.

    Attributes:
        index: Place of the sample.
        key: Its key.
        stage: `prepare` (unreadable, against the contract), `run` (the engine) or `answer` (postprocessing).
        message: What happened.
        kind: `contract`, or the kind of an `EngineFailure`.
    """

    index: int
    key: str
    stage: Literal["prepare", "run", "answer"]
    message: str
    kind: str = "contract"


class Feeds(Sequence[Feed | None]):
    """What each sample became: arrays by input name, batch axis of 1; None where preparing failed.

    Small sets stay in memory; of a large one the last are prepared again on demand.
    """

    def __init__(
        self,
        contract: Contract,
        samples: Sequence[Sample],
        kept: Sequence[Feed | None],
        good: set[int],
    ) -> None:
        self._contract, self._samples, self._kept, self._good = contract, samples, kept, good

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Feed | None: ...

    @overload
    def __getitem__(self, index: slice) -> list[Feed | None]: ...

    def __getitem__(self, index: int | slice) -> Feed | list[Feed | None] | None:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        if place not in self._good:
            return None
        kept = self._kept[place]
        return kept if kept is not None else self._contract.prepare(self._samples[place].payload)[0]


@dataclass(frozen=True)
class Predictions:
    """One pass over samples; everything is in the order of the samples.

    Attributes:
        samples: What was asked.
        outputs: Per sample the raw outputs in the graph's order, batch axis of 1 kept; None where it failed.
        answers: Per sample what `contract.answer` said; None where it failed.
        feeds: Per sample the arrays by input name, batch axis of 1; None where preparing failed.
        contexts: Per sample the context of its pipelines; None where preparing failed.
        failures: Samples without an answer, and why.
        runtime: Runtime that answered.
        exercise: What it really exercised, or None when it answered nothing.
    """

    samples: tuple[Sample, ...]
    outputs: tuple[tuple[Array, ...] | None, ...]
    answers: tuple[Any, ...]
    feeds: Sequence[Feed | None]
    contexts: tuple[Context | None, ...]
    failures: tuple[Failure, ...]
    runtime: str
    exercise: Exercise | None

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def answered(self) -> tuple[int, ...]:
        """Places of the samples that have an answer."""
        failed = {each.index for each in self.failures}
        return tuple(index for index in range(len(self.samples)) if index not in failed)

    @property
    def nbytes(self) -> int:
        """Bytes of the outputs."""
        return sum(each.nbytes for row in self.outputs if row is not None for each in row)


_passes: WeakKeyDictionary[SessionPool, OrderedDict[tuple[Any, ...], tuple[Predictions, Contract]]] = (
    WeakKeyDictionary()
)


def production_runtime(trial: Trial) -> str:
    """The runtime that production uses: the profile's, or the first installed one that runs the artifact.

    Raises:
        UsageError: No installed runtime can run the artifact.
    """
    if trial.profile.runtime != "auto":
        return trial.profile.runtime
    names = trial.pool.runtimes()
    if not names:
        raise UsageError(
            f"no installed runtime runs {trial.artifact.format} models", hint="pip install 'seatrial[all]'"
        )
    return names[0]


def production_options(trial: Trial) -> SessionOptions:
    """The options production runs with. An int8 model is int8 by its files, so nothing is asked for it."""
    precision = trial.profile.precision
    asked = precision if precision in ("float16", "bfloat16") else "float32"
    return SessionOptions(threads=trial.profile.threads, precision=asked, engine=trial.profile.engine)  # type: ignore[arg-type]


def production_session(trial: Trial) -> Session:
    """The live session of the deployed artifact as production runs it."""
    return trial.pool.get(production_runtime(trial), production_options(trial))


def predictions(
    trial: Trial,
    runtime: str | None = None,
    options: SessionOptions | None = None,
    samples: Sequence[Sample] | None = None,
) -> Predictions:
    """Takes samples through `contract.prepare`, the engine and `contract.answer`, once per question.

    A pass is kept per pool, contract, runtime, options and samples, so that several checks share it.
    Samples of equal shapes travel in one batch (order is restored); those of a batch that the engine
    refused are asked one by one, so that one bad sample costs no other its answer.

    Args:
        trial: The model on trial.
        runtime: Name of the runtime; production's when None.
        options: Of the session; production's when None.
        samples: What to ask; the held-out set when None.

    Raises:
        UsageError: There is no such runtime.
        EngineFailure: The model cannot be loaded at all.
    """
    runtime = runtime or production_runtime(trial)
    options = options or production_options(trial)
    chosen = tuple(trial.held_out.samples if samples is None else samples)
    key = (id(trial.contract), runtime, _options_key(options), tuple(map(id, chosen)))
    passes = _passes.setdefault(trial.pool, OrderedDict())
    if key not in passes:
        passed = pass_over(trial.pool, trial.contract, chosen, runtime=runtime, options=options)
        passes[key] = (passed, trial.contract)
        while len(passes) > 1 and sum(each.nbytes for each, _ in passes.values()) > _CACHE_BUDGET:
            passes.popitem(last=False)
    passes.move_to_end(key)
    return passes[key][0]


def pass_over(
    pool: SessionPool,
    contract: Contract,
    samples: Sequence[Sample],
    *,
    runtime: str,
    options: SessionOptions,
) -> Predictions:
    """Takes samples through `contract.prepare`, the pool's model and `contract.answer`; nothing is kept.

    Raises:
        UsageError: There is no such runtime.
        EngineFailure: The model cannot be loaded at all.
    """
    return _Pass(pool, contract, tuple(samples), runtime, options).run()


def _options_key(options: SessionOptions) -> str:
    return repr(
        (
            options.threads,
            options.precision,
            options.optimize,
            sorted(options.engine.items()),
            options.timeout,
        )
    )


class _Pass:
    """One pass over the samples."""

    def __init__(
        self,
        pool: SessionPool,
        contract: Contract,
        samples: tuple[Sample, ...],
        runtime: str,
        options: SessionOptions,
    ) -> None:
        self._pool, self._contract, self._samples = pool, contract, samples
        self._runtime, self._options = runtime, options
        self._outputs: list[tuple[Array, ...] | None] = [None] * len(samples)
        self._answers: list[Any] = [None] * len(samples)
        self._contexts: list[Context | None] = [None] * len(samples)
        self._kept: list[Feed | None] = [None] * len(samples)
        self._prepared: set[int] = set()
        self._failures: dict[int, Failure] = {}
        self._deaths = 0
        self._exercise: Exercise | None = None

    def run(self) -> Predictions:
        """Everything, in the order of the samples."""
        self._pool.get(self._runtime, self._options)  # a model that does not load is no sample's fault
        for indices, feeds in self._batches():
            self._ask(indices, feeds)
        return Predictions(
            samples=self._samples,
            outputs=tuple(self._outputs),
            answers=tuple(self._answers),
            feeds=Feeds(self._contract, self._samples, self._kept, self._prepared),
            contexts=tuple(self._contexts),
            failures=tuple(self._failures[index] for index in sorted(self._failures)),
            runtime=self._runtime,
            exercise=self._exercise,
        )

    def _batches(self) -> Iterator[tuple[list[int], list[Feed]]]:
        """Places and feeds of samples with equal shapes, at most a batch at a time."""
        waiting: dict[tuple[Any, ...], tuple[list[int], list[Feed]]] = {}
        together = self._contract.batches_freely
        budget, held = _FEED_BUDGET, 0
        for index, sample in enumerate(self._samples):
            try:
                feed, self._contexts[index] = self._contract.prepare(sample.payload)
            except SeatrialError as error:
                self._fail(index, "prepare", error)
                continue
            self._prepared.add(index)
            size = sum(each.nbytes for each in feed.values())
            if size <= budget:
                self._kept[index], budget = feed, budget - size
            shapes = tuple((name, value.shape, str(value.dtype)) for name, value in feed.items())
            indices, feeds = waiting.setdefault(shapes, ([], []))
            indices.append(index)
            feeds.append(feed)
            held += size
            if not together or len(feeds) >= _MAX_BATCH or size * (len(feeds) + 1) > _MAX_BATCH_BYTES:
                held -= size * len(feeds)
                yield waiting.pop(shapes)
            elif held > _MAX_WAITING_BYTES:
                yield from waiting.values()
                waiting, held = {}, 0
        yield from waiting.values()

    def _ask(self, indices: list[int], feeds: list[Feed]) -> None:
        """Runs one batch; on failure each sample of it alone."""
        if self._deaths >= _MAX_DEATHS:
            for index in indices:
                gone = EngineFailure(f"not asked: the engine died {self._deaths} times before", kind="signal")
                self._fail(index, "run", gone)
            return
        try:
            session = self._pool.get(self._runtime, self._options)
            outputs = session.run(join(feeds))
            if self._exercise is None:  # some engines load the model again to tell
                self._exercise = session.exercise
        except (EngineFailure, ContractViolation) as error:
            if isinstance(error, EngineFailure) and error.kind != "exception":
                self._deaths += 1
            if len(indices) == 1:
                self._fail(indices[0], "run", error)
                return
            for index, feed in zip(indices, feeds, strict=True):
                self._ask([index], [feed])
            return
        self._answer(indices, feeds, outputs)

    def _answer(self, indices: list[int], feeds: list[Feed], outputs: list[Array]) -> None:
        parts = split(outputs, [1] * len(indices))
        if parts is None:  # this model cannot be told apart by rows
            for index, feed in zip(indices, feeds, strict=True):
                self._ask([index], [feed])
            return
        for index, mine in zip(indices, parts, strict=True):
            self._outputs[index] = tuple(mine)
            context = self._contexts[index]
            try:
                assert context is not None  # noqa: S101 - a sample without context never reaches the engine
                self._answers[index] = self._contract.answer(mine, 0, context)
            except SeatrialError as error:
                self._fail(index, "answer", error)

    def _fail(self, index: int, stage: Literal["prepare", "run", "answer"], error: SeatrialError) -> None:
        kind = error.kind if isinstance(error, EngineFailure) else "contract"
        self._failures[index] = Failure(index, self._samples[index].key, stage, error.message, kind)
