"""A trial without an engine: sessions are Python functions, weights are small files written on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.checks._profile import Profile
from seatrial.checks._trial import Baseline, Trial
from seatrial.contract import Contract, HeldOut, Sample, TensorSpec
from seatrial.contract.feeds import check_feeds
from seatrial.errors import NotFound, UsageError
from seatrial.model import Artifact, ModelFile, Parameter
from seatrial.runtimes import Exercise, OperatorOutput, Resources, SessionOptions

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[[Mapping[str, Any]], list[Any]]


class FakeSession:
    """A session whose engine is a function from feeds to outputs; it may raise to play a crash."""

    def __init__(
        self,
        function: Run,
        artifact: Artifact,
        *,
        runtime: str = "fake",
        options: SessionOptions | None = None,
        exercise: Exercise | None = None,
        traced: Callable[[Mapping[str, Any]], list[OperatorOutput]] | None = None,
        gradient: Callable[..., Any] | None = None,
        clock: Callable[[int], Any] | None = None,
    ) -> None:
        self.artifact = artifact
        self.runtime = runtime
        self.options = options or SessionOptions()
        self.calls = 0
        self.closed = False
        self._function = function
        self._exercise = exercise or Exercise(f"{runtime} 1.0", self.options.threads, self.options.precision)
        self._traced = traced
        self._gradient = gradient
        self._clock = clock

    def run(self, feeds: Mapping[str, Any]) -> list[Any]:
        check_feeds(self.artifact.inputs, feeds)  # as every real session does, before its engine
        self.calls += 1
        return [np.asarray(each) for each in self._function(feeds)]

    def trace(self, feeds: Mapping[str, Any]) -> list[OperatorOutput]:
        if self._traced is None:
            raise UsageError("this fake cannot be traced")
        return self._traced(feeds)

    def gradients(self, feeds: Mapping[str, Any], *, of: str, output: int, index: Sequence[int]) -> Any:
        if self._gradient is None:
            raise UsageError("this fake gives no gradients")
        return self._gradient(feeds, of=of, output=output, index=index)

    def time(self, feeds: Mapping[str, Any], *, repeat: int) -> Any:
        self.run(feeds)
        return np.full(repeat, 0.001) if self._clock is None else np.asarray(self._clock(repeat), "float64")

    @property
    def exercise(self) -> Exercise:
        return self._exercise

    def resources(self) -> Resources:
        return Resources(rss=100 << 20, uss=80 << 20, cpu_seconds=0.1, threads=1)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FakePool:
    """Hands out fake sessions.

    Args:
        artifact: The trial's artifact.
        functions: By runtime name: a function from feeds to outputs, or a factory
            `(artifact, options) -> FakeSession`, or an exception that opening it raises.
        conversions: By format name: what `converted` returns.
    """

    def __init__(
        self,
        artifact: Artifact,
        functions: Mapping[str, Any],
        conversions: Mapping[str, Artifact] | None = None,
    ) -> None:
        self.artifact = artifact
        self.functions = dict(functions)
        self.conversions = dict(conversions or {})
        self.opened: list[FakeSession] = []

    def get(
        self, runtime: str, options: SessionOptions | None = None, *, artifact: Artifact | None = None
    ) -> FakeSession:
        if runtime not in self.functions:
            raise NotFound(f"no '{runtime}' among the fakes")
        function = self.functions[runtime]
        if isinstance(function, Exception):
            raise function
        for each in self.opened:
            same = each.runtime == runtime and each.options == (options or SessionOptions())
            if same and each.artifact is (artifact or self.artifact) and not each.closed:
                return each
        if getattr(function, "makes_session", False):
            session = function(artifact or self.artifact, options or SessionOptions())
        else:
            session = FakeSession(function, artifact or self.artifact, runtime=runtime, options=options)
        self.opened.append(session)
        return session

    def runtimes(self) -> Sequence[str]:
        return tuple(self.functions)

    def converted(self, format_name: str) -> Artifact:
        if format_name not in self.conversions:
            raise NotFound(f"no converter to '{format_name}' among the fakes")
        return self.conversions[format_name]


def make_artifact(
    folder: Path,
    tensors: Mapping[str, Any],
    *,
    inputs: tuple[TensorSpec, ...] = (TensorSpec("image", "float32", ("batch", 1, 8, 8), "NCHW"),),
    outputs: tuple[TensorSpec, ...] = (TensorSpec("probabilities", "float32", ("batch", 10)),),
    operators: Mapping[str, int] | None = None,
    **rest: Any,
) -> Artifact:
    """Writes `tensors` one after another into a file and describes them, as a reader of a format would.

    The graph file is a placeholder, so nothing but weights can be read back from the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph, weights = folder / "fake.json", folder / "fake.bin"
    graph.write_text("{}")
    parameters, offset = [], 0
    with weights.open("wb") as stream:
        for name, value in tensors.items():
            array = np.ascontiguousarray(value)
            stream.write(array.tobytes())
            parameters.append(
                Parameter(name, str(array.dtype), tuple(array.shape), weights, offset, array.nbytes)
            )
            offset += array.nbytes
    files = (
        ModelFile(graph, "graph", graph.stat().st_size),
        ModelFile(weights, "parameters", weights.stat().st_size),
    )
    digest = "sha256:" + hashlib.sha256(graph.read_bytes() + weights.read_bytes()).hexdigest()
    described = {
        "path": folder,
        "format": "paddle-json",
        "files": files,
        "digest": digest,
        "version": "PIR 3",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": tuple(parameters),
        "operators": dict(operators or {"matmul": 1, "softmax": 1}),
    }
    return Artifact(**{**described, **rest})


def make_held_out(images: Any, labels: Sequence[Any], members: tuple[Sample, ...] = ()) -> HeldOut:
    """One sample a row of `images`."""
    samples = tuple(
        Sample(f"row-{row}", image, label)
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    )
    digest = (
        "sha256:"
        + hashlib.sha256(np.ascontiguousarray(images).tobytes() + repr(list(labels)).encode()).hexdigest()
    )
    return HeldOut(samples, digest, "memory", members)


PROFILE = Profile("test", "fake", ("fake",), frozenset())


def make_trial(
    scratch: Path,
    artifact: Artifact,
    run: Any,
    *,
    contract: Contract | None = None,
    held_out: HeldOut | None = None,
    profile: Profile = PROFILE,
    baseline: Baseline | None = None,
    full: bool = False,
    seed: int = 0,
    delivered: tuple[Path, ...] = (),
    pool: FakePool | None = None,
) -> Trial:
    """A trial on fakes; `run` plays the engine of the profile's runtime (function or exception)."""
    scratch.mkdir(parents=True, exist_ok=True)
    return Trial(
        artifact=artifact,
        contract=contract or Contract("fake", "classification", artifact.inputs, artifact.outputs),
        held_out=make_held_out(np.zeros((1, 1, 8, 8), "float32"), [0]) if held_out is None else held_out,
        profile=profile,
        pool=pool or FakePool(artifact, {profile.runtime: run}),
        baseline=baseline,
        full=full,
        seed=seed,
        scratch=scratch,
        delivered=delivered or tuple(each.path for each in artifact.files),
    )
