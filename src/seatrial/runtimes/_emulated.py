"""Engines on a processor that is emulated: the same answers, and times that say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.errors import MissingDependency
from seatrial.runtimes._engine import Task, linked
from seatrial.runtimes._program import FAR, ProgramEngine
from seatrial.tools import how_to_get

_NOTE = "emulated by qemu's user mode: answers as on that processor's instructions, and no times"


class EmulatedEngine(ProgramEngine):
    """Runs one of the programs in `_far` in an interpreter that an emulator starts."""

    program: str  # file in `_far`
    tool: str
    engine_version: str

    def line(self) -> Sequence[str] | None:
        """What starts the interpreter, emulator first; None when it is not there."""
        raise NotImplementedError

    def folders(self) -> Sequence[Path]:
        """Where the interpreter finds the engine."""
        return ()

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._told.get("version") or self.engine_version)

    def command(self, task: Task) -> Sequence[str]:
        """See `ProgramEngine.command`."""
        line = self.line()
        if line is None:
            raise MissingDependency(f"'{self.tool}' is not on this machine", hint=how_to_get(self.tool))
        return [*line, "-I", str(FAR / self.program), *(str(each) for each in self.folders())]

    def environment(self, task: Task) -> Mapping[str, str]:
        """See `ProgramEngine.environment`: libraries of this processor are none of the other's."""
        return {"LD_LIBRARY_PATH": "", "LD_PRELOAD": "", "OMP_NUM_THREADS": str(task.threads)}

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        super().load(task)
        self.notes.append(_NOTE)
        computed = self.exercise()["precision"]
        if task.precision != computed:
            self.notes.append(f"{task.precision} was asked for; it runs the graph as it is, in {computed}")


class EmulatedPaddleEngine(EmulatedEngine):
    """Paddle Inference, which goes by the suffixes of files."""

    program = "paddle_side.py"

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        suffix = {"paddle-json": ".json", "paddle-pdmodel": ".pdmodel"}[task.format]
        graph = linked(task.graph, task.scratch, f"model{suffix}")
        weights = linked(task.weights, task.scratch, "model.pdiparams") if task.weights else ""
        super().load(replace(task, graph=graph, weights=weights))
