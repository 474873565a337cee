"""The caller's side of a session: sends batches to the worker and says in plain words how it died."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NoReturn, Self

import numpy as np
import psutil

from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure, UsageError
from seatrial.model.artifact import Artifact
from seatrial.runtimes import _launch, _wire, _words
from seatrial.runtimes._engine import Runtime, is_in_memory, real_path
from seatrial.runtimes._feeds import checked
from seatrial.runtimes._session import Exercise, OperatorOutput, Resources, SessionOptions

_LAST_WORDS = 1 << 20  # bytes of what a worker says that are kept


class WorkerSession:
    """A `Session` whose engine lives in a forked worker.

    Args:
        artifact: The model.
        runtime: What runs it.
        options: How.
        checked: Whether feeds are checked before they cross; only a check that provokes the engine says no.

    Raises:
        EngineFailure: The engine cannot load the model.
        UsageError: An option this runtime does not have.
    """

    def __init__(
        self, artifact: Artifact, runtime: Runtime, options: SessionOptions, *, checked: bool = True
    ) -> None:
        self.artifact = artifact
        self.runtime = runtime.name
        self.options = options
        self._emulated = runtime.emulated
        self._checked = checked
        self._busy = threading.Lock()
        self._failure: EngineFailure | None = None
        self._closed = False
        self._late = False
        self._exercise: Exercise | None = None
        self._oom_kills = _words.oom_kills()
        engine = dict(options.engine)
        python = str(engine.pop("python", ""))
        _refuse_unknown(runtime, engine)
        self._owner = os.getpid()
        self._closed = True
        self._worker = _launch.worker(runtime, python)
        self._closed = False
        self._doing: tuple[str, Mapping[str, Array] | None] = ("loading it", None)
        try:
            memory = options.memory_limit if runtime.bounded else 0
            limits = {"memory": memory, "cpu": options.cpu_limit}
            _wire.send(self._worker.line, {"limits": limits})
            around = [asdict(each) for each in runtime.around]
            self._ask({"op": "load", "task": self._task(engine), "around": around})
        except BaseException:
            self.close()
            raise

    def _task(self, engine: Mapping[str, Any]) -> dict[str, Any]:
        artifact = self.artifact
        return {
            "graph": str(real_path(artifact.graph)),
            "weights": str(real_path(artifact.weights)) if artifact.weights else "",
            "format": artifact.format,
            "inputs": [each.name for each in artifact.inputs],
            "parameters": [each.name for each in artifact.parameters],
            "native": native_precision(artifact),
            "threads": self.options.threads,
            "precision": self.options.precision,
            "optimize": self.options.optimize,
            "engine": dict(engine),
            "scratch": str(self._worker.scratch),
            "external": _external(artifact) if is_in_memory(artifact.graph) else [],
            "domains": [each.split()[0] for each in _foreign(artifact).split(", ") if each],
        }

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._worker.pid

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Session.run`."""
        return self._arrays(self._send({"op": "run"}, feeds))

    def trace(self, feeds: Mapping[str, Array]) -> list[OperatorOutput]:
        """See `Session.trace`."""
        answer = self._send({"op": "trace"}, feeds)
        values = self._arrays(answer)
        return [
            OperatorOutput(label=label, operator=operator, tensor=tensor, value=value)
            for (label, operator, tensor), value in zip(answer["traced"], values, strict=True)
        ]

    def gradients(self, feeds: Mapping[str, Array], *, of: str, output: int, index: Sequence[int]) -> Array:
        """See `Session.gradients`."""
        if of not in feeds:
            raise UsageError(f"there is no input '{of}'", hint="inputs are: " + ", ".join(feeds))
        request = {"op": "gradients", "of": of, "output": output, "index": [int(each) for each in index]}
        return self._arrays(self._send(request, feeds))[0]

    def time(self, feeds: Mapping[str, Array], *, repeat: int) -> Array:
        """See `Session.time`. The time limit holds for each run, not for all of them together."""
        if self._emulated:
            raise UsageError(
                f"{self.runtime} is emulated, and times of an emulated processor say nothing",
                hint="time it on the device itself",
            )
        return self._arrays(self._send({"op": "time", "repeat": repeat}, feeds))[0]

    @property
    def exercise(self) -> Exercise:
        """See `Session.exercise`. Some engines tell their operators only after a first run."""
        if self._exercise is None or not self._exercise.operators:
            told = self._locked({"op": "exercise"}, "describing itself")
            self._exercise = Exercise(
                runtime=f"{self.runtime} {told['version']}",
                threads=told["threads"],
                precision=told["precision"],
                operators=told["operators"],
                notes=tuple(told["notes"]),
                load_seconds=0.0 if self._emulated else told["load_seconds"],
            )
        return self._exercise

    def resources(self) -> Resources:
        """See `Session.resources`."""
        self._alive()
        try:
            process = psutil.Process(self._worker.pid)
            memory = process.memory_full_info()
            cpu = process.cpu_times()
            return Resources(memory.rss, memory.uss, cpu.user + cpu.system, process.num_threads())
        except psutil.Error:
            self._died()

    def close(self) -> None:
        """See `Session.close`."""
        if self._closed:
            return
        self._closed = True
        # A process forked from the owner drops its copy of the line; the worker is not its to end.
        if os.getpid() == self._owner:
            self._kill()
            shutil.rmtree(self._worker.scratch, ignore_errors=True)
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _send(self, request: dict[str, Any], feeds: Mapping[str, Array]) -> dict[str, Any]:
        return self._locked(*self._request(request, feeds))

    def _request(
        self, request: dict[str, Any], feeds: Mapping[str, Array]
    ) -> tuple[dict[str, Any], str, dict[str, Array]]:
        if self._checked:
            feeds = checked(self.artifact, feeds)
        arrays = {name: np.asarray(array) for name, array in feeds.items()}
        return {**request, "names": tuple(arrays)}, _words.DOING[request["op"]], arrays

    def begin(self, feeds: Mapping[str, Array]) -> None:
        """Hands one batch to the worker and returns at once; `finish` gives the outputs.

        For a caller that watches `fileno()` for the answer instead of waiting (a server's event loop).

        Raises:
            ContractViolation: A feed breaks the graph's specs.
            UsageError: A call is under way already.
            EngineFailure: The worker is gone.
        """
        self._begin(*self._request({"op": "run"}, feeds))

    def finish(self) -> list[Array]:
        """The outputs of the batch that was begun; waits for them when they are not there yet.

        Raises:
            EngineFailure: As `Session.run`.
        """
        return self._arrays(self._finish())

    def abort(self) -> None:
        """Kills a worker that takes too long; `finish` then says that it timed out."""
        self._kill()
        self._late = True

    def fileno(self) -> int:
        """Readable when the answer to `begin` is there, or when the worker died."""
        return self._worker.line.fileno()

    def _locked(
        self, request: dict[str, Any], doing: str, feeds: Mapping[str, Array] | None = None
    ) -> dict[str, Any]:
        self._begin(request, doing, feeds)
        return self._finish()

    def _begin(self, request: dict[str, Any], doing: str, feeds: Mapping[str, Array] | None = None) -> None:
        if not self._busy.acquire(blocking=False):
            raise UsageError(
                "one session serves one thread, and this one is in use by another",
                hint="open one session per thread; they share the engine's memory",
            )
        try:
            self._alive()
            self._doing = (doing, feeds)
            if feeds is not None:
                request["arrays"] = self._worker.feeds.write(list(feeds.values()))
            self._tell(request)
        except BaseException:
            self._busy.release()
            raise

    def _finish(self) -> dict[str, Any]:
        try:
            return self._answer()
        finally:
            self._busy.release()

    @property
    def alive(self) -> bool:
        """Whether the next call can be answered."""
        return not self._closed and self._failure is None

    def _alive(self) -> None:
        if self._closed:
            raise UsageError("the session is closed")
        if self._failure is not None:
            before = self._failure
            raise EngineFailure(
                f"the worker is gone since an earlier call: {before.message}",
                kind=before.kind,
                signal_name=before.signal_name,
                hint=before.hint,
            )

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._tell(request)
        return self._answer()

    def _tell(self, request: dict[str, Any]) -> None:
        try:
            _wire.send(self._worker.line, request)
        except OSError:
            self._died()
        if os.fstat(self._worker.stderr).st_size > _LAST_WORDS:  # while the worker works
            os.ftruncate(self._worker.stderr, 0)

    def _answer(self) -> dict[str, Any]:
        try:
            while True:
                deadline = time.monotonic() + self.options.timeout
                answer, _ = _wire.receive(self._worker.line, deadline=deadline)
                if "beat" not in answer:
                    break
        except TimeoutError:
            self._timed_out()
        except (EOFError, OSError, _wire.WireError):
            if self._late:
                self._timed_out()
            self._died()
        if "error" in answer:
            self._raised(answer["error"])
        return answer

    def _timed_out(self) -> NoReturn:
        self._kill()
        self._fail(f"did not answer within {self.options.timeout:g} s", "timeout", hint=_words.TIMEOUT_HINT)

    def _raised(self, error: Mapping[str, Any]) -> NoReturn:
        if error["kind"] == "usage":
            raise UsageError(error["message"], hint=error["hint"])
        said = _words.plain_words(error["message"]) or error["type"]
        if error["kind"] == "memory":
            self._kill()
            self._fail(f"ran out of memory ({said})", "memory", hint=_words.memory_hint(self.options))
        raise EngineFailure(
            f"{self._name()} refused {self._about()}: {said}", kind="exception", hint=_words.hint(said)
        )

    def _died(self) -> NoReturn:
        self._kill()
        code = _ended(self._worker.status)
        starved = _words.oom_kills() > self._oom_kills
        last = _launch.tail(self._worker.stderr)
        end = _words.judge_end(code, last, self.options, out_of_memory=starved)
        self._fail(end.sentence, end.kind, signal_name=end.signal_name, hint=end.hint)

    def _fail(self, what: str, kind: Any, *, signal_name: str = "", hint: str = "") -> NoReturn:
        last = _words.plain_words(_launch.tail(self._worker.stderr))
        message = f"{self._name()} {what} on {self._about()}" + (f"; its last words: {last}" if last else "")
        self._failure = EngineFailure(message, kind=kind, signal_name=signal_name, hint=hint)
        raise self._failure

    def _name(self) -> str:
        return f"{self.runtime} {self._worker.version}"

    def _about(self) -> str:
        doing, feeds = self._doing
        told = "" if feeds is None else f" {_words.describe(feeds)}"
        return f"{self.artifact.graph.name} while {doing}{told}"

    def _arrays(self, answer: Mapping[str, Any]) -> list[Array]:
        return self._worker.results.read(answer["arrays"], copy=True)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._worker.pidfd, signal.SIGKILL)


def _refuse_unknown(runtime: Runtime, engine: Mapping[str, Any]) -> None:
    for name, value in engine.items():
        kind = runtime.switches.get(name)
        if kind is None:
            known = ", ".join(["python", *runtime.switches])
            raise UsageError(f"{runtime.name} has no switch '{name}'", hint=f"it has: {known}")
        if not isinstance(value, kind):
            raise UsageError(f"the switch '{name}' of {runtime.name} takes a {kind.__name__}, not {value!r}")


def _foreign(artifact: Artifact) -> str:
    """Domains of operators that are not ONNX's own, with their versions."""
    return artifact.metadata.get("custom domains", "")


def _external(artifact: Artifact) -> list[dict[str, Any]]:
    """The tensors that an ONNX model in memory has in other files, which its engines cannot open by path."""
    return [
        {
            "name": each.name,
            "dtype": each.dtype,
            "shape": list(each.shape),
            "file": str(real_path(each.file)),
            "offset": each.offset,
            "nbytes": each.nbytes,
        }
        for each in artifact.parameters
        if artifact.format == "onnx" and each.file is not None and each.file != artifact.graph
    ]


def native_precision(artifact: Artifact) -> str:
    """The precision a model's own files are in: what an engine runs when it changes nothing."""
    if any("quantize" in each.lower() or each.startswith("QLinear") for each in artifact.operators):
        return "int8"
    weights = [each.dtype for each in artifact.parameters if len(each.shape) > 1]
    for reduced in ("float16", "bfloat16"):
        if weights and weights.count(reduced) > len(weights) / 2:
            return reduced
    return "float32"


def _ended(status: int) -> int | None:
    """The child's exit code (negative: a signal); None when even its zygote is gone."""
    told = os.read(status, 16)
    return int(told) if told else None
