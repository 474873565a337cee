"""What a runtime's file defines: `RUNTIME`, and the engine that lives in the worker.

A runtime's file is imported in the worker too, beside nothing but the standard library, numpy and its
engine; keep its imports to those and to `seatrial.errors`, `seatrial.lazy` and this file.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from numpy.typing import NDArray

from seatrial import lazy, tools
from seatrial.errors import UsageError

Array = NDArray[Any]


class Traced(NamedTuple):
    """One operator's output as the worker saw it; see `OperatorOutput`."""

    label: str
    operator: str
    tensor: str
    value: Array


@dataclass(frozen=True)
class Task:
    """One model to load, as the worker is told.

    Attributes:
        graph: File with the graph.
        weights: File with the parameters; empty when they are in the graph or missing.
        format: The artifact's format.
        inputs: Names, in the graph's order.
        parameters: Names of the weights.
        native: Precision that the files are in: `float32`, `float16`, `bfloat16` or `int8`.
        threads: Math threads.
        precision: Asked for.
        optimize: Whether graph optimisation is on.
        engine: Engine-specific switches.
        scratch: An empty folder of this session, deleted with it.
        external: Of a graph in memory: the tensors that lie in files beside it, as `External` has them.
        domains: Of an ONNX graph: the domains of operators that are not ONNX's own.
    """

    graph: str
    weights: str
    format: str
    inputs: Sequence[str]
    parameters: Sequence[str]
    native: str
    threads: int
    precision: str
    optimize: bool
    engine: Mapping[str, Any]
    scratch: str
    external: Sequence[Mapping[str, Any]] = ()
    domains: Sequence[str] = ()


class Engine:
    """A model in its engine, inside the worker. Made before the fork, loaded after it.

    `__init__` imports the engine (seconds, once); `load` and the calls happen in a forked child each.
    Whatever they raise becomes an `EngineFailure` of kind `exception`; `UsageError` crosses as such.
    """

    notes: list[str]
    switches: ClassVar[Mapping[str, type]] = {}

    def version(self) -> str:
        """The engine's version."""
        raise NotImplementedError

    def load(self, task: Task) -> None:
        """Loads the model."""
        raise NotImplementedError

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Infers one batch; outputs by index. The feeds are views that change with the next call."""
        raise NotImplementedError

    def trace(self, feeds: Mapping[str, Array]) -> Iterable[Traced]:
        """Infers once with every operator's output."""
        raise UsageError("this runtime cannot be traced")

    def gradients(self, feeds: Mapping[str, Array], of: str, output: int, index: Sequence[int]) -> Array:
        """The gradient of one output element a row with respect to one input."""
        raise UsageError(
            "this runtime gives no gradients", hint="use an attribution without gradients, or paddle"
        )

    def exercise(self) -> dict[str, Any]:
        """`threads`, `precision` and `operators` as they really were."""
        raise NotImplementedError


@dataclass(frozen=True)
class Around:
    """What stands between a worker and its engine: nothing in production, a faulty service in a self-test.

    Attributes:
        wrapper: `module:Class`, an `Engine` that is made of another one; imported in the worker.
        options: Keyword arguments of the class, JSON-able.
    """

    wrapper: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def wrap(self, engine: Engine) -> Engine:
        """The engine with the wrapper around it."""
        module, _, name = self.wrapper.partition(":")
        made: Engine = getattr(importlib.import_module(module), name)(engine, **self.options)
        return made


@dataclass(frozen=True)
class Runtime:
    """One engine as people choose it.

    Attributes:
        name: What `--runtime` says.
        summary: One line for `seatrial list runtimes`.
        formats: What it runs.
        extra: The extra of `seatrial` that installs it.
        module: The importable name that must be there.
        distribution: What its version is looked up by.
        engine: The class that lives in the worker.
        switches: Names and types of the engine-specific switches it takes, `python` aside.
        environment: Variables of the worker's environment, on top of the common ones.
        tool: One of `seatrial.tools` that it cannot do without; empty when it stands in this environment.
        tool_is_python: Whether that tool is the interpreter which the worker runs in.
        bounded: Whether its worker's address space is limited; emulators and browsers reserve far more of it
            than they use.
        emulated: Whether its times say nothing: never timed, never recommended.
        asked_only: Whether it is taken only when it is named, or when nothing else runs the format: what
            starts a browser or an emulator is no surprise.
        twin: Of a runtime on another processor: the one that is the same engine on this one.
        around: Wrappers around the engine in each worker, the innermost first.
    """

    name: str
    summary: str
    formats: tuple[str, ...]
    extra: str
    module: str
    distribution: str
    engine: type[Engine]
    switches: Mapping[str, type] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    around: tuple[Around, ...] = ()
    tool: str = ""
    tool_is_python: bool = False
    bounded: bool = True
    emulated: bool = False
    asked_only: bool = False
    twin: str = ""

    def interpreter(self) -> str:
        """A Python of another environment that runs this engine, or empty: `SEATRIAL_PADDLE_PYTHON`."""
        if self.tool and not self.tool_is_python:
            return ""  # a Python of that name is the tool's, which the engine starts by itself
        named = os.environ.get(f"SEATRIAL_{self.name.upper().replace('-', '_')}_PYTHON", "")
        if named or not self.tool_is_python:
            return named
        found = tools.find(self.tool)
        return str(found.path) if found else ""

    def available(self) -> bool:
        """Whether the engine is installed here, or an interpreter beside this one is named for it."""
        if self.tool and not self.tool_is_python:
            return tools.find(self.tool) is not None
        return bool(self.interpreter()) or lazy.installed(self.module)

    def how_to_get(self) -> str:
        """What installs it: a pip line, or the recipe of its tool."""
        return tools.how_to_get(self.tool) if self.tool else f"pip install 'seatrial[{self.extra}]'"

    def version(self) -> str:
        """The installed version, or empty; that of another interpreter is told by its sessions."""
        found = tools.find(self.tool) if self.tool else None
        if found is not None and found.version and self.interpreter() in ("", str(found.path)):
            return lazy.version_beside(found.path, self.distribution) or found.version
        return lazy.version(self.distribution) if self.distribution and not self.interpreter() else ""


Behavior = Callable[[Runtime], Runtime]


def real_path(path: Path | str) -> Path:
    """A file's own path, links followed; that of the link where what it means has none: a file in memory."""
    return Path(path).absolute() if is_in_memory(path) else Path(path).resolve()


def is_in_memory(path: Path | str) -> bool:
    """Whether a file has bytes and no place on a disk, such as a model that was unsealed."""
    given, resolved = Path(path), Path(path).resolve()
    return given.exists() and not (resolved.exists() and given.samefile(resolved))


def linked(source: str, folder: str, name: str) -> str:
    """A link to `source` under another file name, for engines that go by suffixes."""
    link = Path(folder) / name
    if not link.is_symlink():
        link.symlink_to(real_path(source))
    return str(link)
