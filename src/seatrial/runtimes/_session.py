"""What every runtime offers, and what a session can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from seatrial.contract.sample import Array
from seatrial.model.artifact import Artifact

Precision = Literal["float32", "float16", "bfloat16", "int8"]


@dataclass(frozen=True)
class SessionOptions:
    """How to run a model.

    Attributes:
        threads: Math threads inside one call.
        precision: What is asked for; `Exercise.precision` says what really ran.
        optimize: Whether graph optimisation (fusion) is on.
        engine: Engine-specific switches, such as `{"onednn": False}`; unknown ones are refused.
        timeout: Seconds one call (and the load) may take before the worker is killed.
        memory_limit: Bytes the worker may hold above what the bare engine needs.
        cpu_limit: CPU seconds the session's process may use in all.
    """

    threads: int = 1
    precision: Precision = "float32"
    optimize: bool = True
    engine: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 60.0
    memory_limit: int = 8 << 30
    cpu_limit: int = 3600


@dataclass(frozen=True)
class Exercise:
    """What a session really did, as far as the engine tells.

    Attributes:
        runtime: Name and version, such as `onnxruntime 1.31.1`.
        threads: Threads in use.
        precision: Precision the kernels ran in; differs from the asked one when the engine ignored it.
        operators: Operators after optimisation (fused names), by count; empty when not told.
        notes: Anything a reader should know: fall-backs taken, switches ignored by the engine.
        load_seconds: Time to load; 0 where the runtime is emulated.
    """

    runtime: str
    threads: int
    precision: str
    operators: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    load_seconds: float = 0.0


@dataclass(frozen=True)
class OperatorOutput:
    """What one operator gave while a traced call ran.

    Attributes:
        label: Stable across runs and sessions of one graph: `pd_op.conv2d:4`, or the ONNX tensor name.
        operator: Operator type, such as `conv2d`.
        tensor: Name of the variable.
        value: The output, copied.
    """

    label: str
    operator: str
    tensor: str
    value: Array


@dataclass(frozen=True)
class Resources:
    """What a session's process uses now: resident and unique set size in bytes, CPU seconds, threads."""

    rss: int
    uss: int
    cpu_seconds: float
    threads: int


class Session(Protocol):
    """A model loaded in a process of its own. One session serves one thread.

    Used as a context manager. After an `EngineFailure` of kind `exception` the session goes on; after any
    other kind its process is gone and every later call raises `EngineFailure` again.
    """

    artifact: Artifact
    runtime: str
    options: SessionOptions

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Infers one batch.

        Args:
            feeds: Arrays by input name, every input of the graph, batch axis included.

        Returns:
            The outputs in the graph's order (names are not stable across formats).

        Raises:
            ContractViolation: A feed breaks the graph's specs or value ranges; the engine saw nothing.
            EngineFailure: The engine raised, died, hung or outgrew its memory.
        """
        ...

    def trace(self, feeds: Mapping[str, Array]) -> list[OperatorOutput]:
        """Infers once and returns every operator's output, in order of execution.

        Raises:
            UsageError: This runtime cannot be traced.
        """
        ...

    def gradients(self, feeds: Mapping[str, Array], *, of: str, output: int, index: Sequence[int]) -> Array:
        """The gradient of output[output][n, index[n]] by feeds[of], for every row n; same shape as the feed.

        Raises:
            UsageError: This runtime or this graph gives no gradients.
        """
        ...

    def time(self, feeds: Mapping[str, Array], *, repeat: int) -> Array:
        """Runs the same batch `repeat` times inside the worker; returns seconds per run, float64.

        Raises:
            UsageError: The runtime is emulated, and its times say nothing.
        """
        ...

    @property
    def exercise(self) -> Exercise:
        """What was really exercised."""
        ...

    def resources(self) -> Resources:
        """What the worker uses now."""
        ...

    def close(self) -> None:
        """Ends the worker; idempotent."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
