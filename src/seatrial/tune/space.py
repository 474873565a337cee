"""What there is to choose from: variants of a model, how each can be run, in batches of how many rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.contract import Contract
from seatrial.model import Artifact
from seatrial.runtimes import Precision, Runtime, SessionOptions, native_precision

LARGEST_BATCH = 32
# What is worth trying of each engine's own switches, beside all of them as they are by default. A third
# party's runtime is tried as it is.
_SWITCHES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "paddle": ({"onednn": False},),
    "onnxruntime": ({"spinning": True},),
}
_UNOPTIMIZED = ("onnxruntime",)  # where fewer rewritten operators have been seen to be faster
_PRECISIONS: Mapping[str, tuple[Precision, ...]] = {
    "openvino": ("bfloat16", "float16"),
    "paddle": ("bfloat16",),
}


@dataclass(frozen=True)
class Variant:
    """One form of the model.

    Attributes:
        name: For people: `as given`, `converted to onnx`, the folder's name of one that was given beside.
        artifact: The files.
        native: Precision that the files are in.
    """

    name: str
    artifact: Artifact
    native: str

    @classmethod
    def of(cls, name: str, artifact: Artifact) -> Variant:
        """With the precision that the files tell."""
        return cls(name, artifact, native_precision(artifact))


@dataclass(frozen=True)
class Setup:
    """One way to run one variant; a session has one.

    Attributes:
        variant: What is run.
        runtime: By what.
        precision: Asked for.
        threads: Math threads of one call.
        optimize: Whether graph optimisation is on.
        engine: The engine's own switches that differ from its defaults.
    """

    variant: Variant
    runtime: str
    precision: Precision
    threads: int = 1
    optimize: bool = True
    engine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others."""
        switches = tuple(sorted(self.engine.items()))
        path = str(self.variant.artifact.path)
        return (path, self.runtime, self.precision, self.threads, self.optimize, switches)

    @property
    def options(self) -> SessionOptions:
        """As sessions take it."""
        return SessionOptions(
            threads=self.threads, precision=self.precision, optimize=self.optimize, engine=dict(self.engine)
        )

    def __str__(self) -> str:
        """One line for people."""
        switched = [f"{name} {_on(value)}" for name, value in sorted(self.engine.items())]
        unoptimized = [] if self.optimize else ["not optimized"]
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        how = [self.runtime, self.precision, threads, *unoptimized, *switched]
        return f"{self.variant.name}: {', '.join(how)}"


@dataclass(frozen=True)
class Point:
    """One deployment that can be measured: a setup, and the rows of its batches."""

    setup: Setup
    batch: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others."""
        return (*self.setup.key, self.batch)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.key == other.key

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.setup}, batch {self.batch}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was not tried or did not work, and why; listed, never hidden."""

    what: str
    why: str


def native_setup(variant: Variant, runtime: str) -> Setup:
    """A variant as a server runs it when nobody says anything."""
    return Setup(variant, runtime, "int8" if variant.native == "int8" else "float32")


def setups(variant: Variant, runtime: Runtime, *, cores: int) -> Iterator[Setup]:
    """Every way to run a variant in one runtime, the default one first.

    Args:
        variant: The model.
        runtime: That runs its format.
        cores: Of the target; so many threads at most.
    """
    plain = native_setup(variant, runtime.name)
    lower = _PRECISIONS.get(runtime.name, ()) if variant.native == "float32" else ()
    for threads in _doubling(cores):
        for precision in (plain.precision, *lower):
            yield replace(plain, precision=precision, threads=threads)
        for switches in _SWITCHES.get(runtime.name, ()):
            # One thread has no pool of others that could spin.
            if threads > 1 or "spinning" not in switches:
                yield replace(plain, threads=threads, engine=switches)
        if runtime.name in _UNOPTIMIZED:
            yield replace(plain, threads=threads, optimize=False)


def batch_sizes(contract: Contract, variants: Sequence[Variant], *, largest: int) -> tuple[int, ...]:
    """1, 2, 4... as far as the contract and every variant let samples travel together."""
    free = contract.batches_freely
    free = free and all(spec.batch_is_free for each in variants for spec in each.artifact.inputs)
    return tuple(_doubling(largest)) if free else (1,)


def _doubling(most: int) -> Iterator[int]:
    size = 1
    while size < most:
        yield size
        size *= 2
    yield most


def _on(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def variant_name(path: Path) -> str:
    """What a variant that was given beside is called."""
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else f"{resolved.parent.name}/{resolved.name}"
