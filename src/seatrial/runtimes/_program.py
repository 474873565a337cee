"""An engine in another program: another processor, an older Python, a browser. See `_far/link.py`.

The program is a child of the worker and dies with it. When it dies by itself the worker dies of the same
signal, so that sessions tell its end as they tell that of any engine.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Task
from seatrial.runtimes._far import link

FAR = Path(__file__).parent / "_far"
_PR_SET_PDEATHSIG = 1
_GRACE = 0.5  # seconds for a program that closed its pipes to be gone


class ProgramEngine(Engine):
    """Runs a model through a program that speaks `_far/link.py`'s frames on its standard input and output."""

    def __init__(self) -> None:
        self.notes = []
        self._process: subprocess.Popen[bytes] | None = None
        self._told: dict[str, Any] = {}

    def command(self, task: Task) -> Sequence[str]:
        """Program and arguments.

        Raises:
            UsageError: The model or an option is not for it.
        """
        raise NotImplementedError

    def environment(self, task: Task) -> Mapping[str, str]:
        """Variables on top of the worker's own."""
        return {}

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        if task.external:
            raise UsageError(
                "a model that is in memory only, with weights beside its graph, goes to no other program",
                hint="run it in this process's own engine",
            )
        self._task = task
        command = list(self.command(task))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a program of ours, in an interpreter the user named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=2,
                env={**os.environ, **self.environment(task)},
                cwd=task.scratch,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the worker has one thread
            )
        except OSError as error:
            raise UsageError(f"'{Path(command[0]).name}' cannot be started: {error.strerror}") from error
        told = {key: value for key, value in asdict(task).items() if key not in ("parameters", "external")}
        self._told, _ = self._ask({"op": "load", "task": told}, [])
        self.notes.extend(self._told.get("notes", ()))

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        return self._ask({"op": "run", "names": list(feeds)}, list(feeds.values()))[1]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {
            "threads": self._told.get("threads", 1),
            "precision": self._told.get("precision", self._task.native),
            "operators": self._told.get("operators", {}),
        }

    def _ask(self, request: dict[str, Any], arrays: list[Array]) -> tuple[dict[str, Any], list[Array]]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise UsageError("no model is loaded")
        try:
            link.write(process.stdin, request, arrays)
            frame = link.read(process.stdout)
        except BrokenPipeError:
            frame = None
        except link.LinkError as error:
            # Whatever comes next would be taken for an answer to something else.
            self._end(process, f"the program beside did not speak as agreed: {error}")
        if frame is None:
            self._end(process, "the program beside ended without an answer")
        answer, results = frame
        if "error" in answer:
            raise (MemoryError if answer.get("memory") else RuntimeError)(answer["error"])
        return answer, results

    def _end(self, process: subprocess.Popen[bytes], words: str) -> NoReturn:
        """Ends this worker with its program: as that ended, else with words."""
        try:
            code = process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            code = 0
        if code >= 0:
            os.write(2, f"{words}\n".encode())
        die_as(code)


def die_with_parent() -> None:
    """Called in a child before it becomes the program: it ends with the worker, and leaves no core file."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_as(code: int) -> NoReturn:
    """Ends this worker as the program ended; its last words are in the same log."""
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code or 1)
