"""Starts one zygote per engine and interpreter, and asks it for workers."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import seatrial
from seatrial import tools
from seatrial.errors import EngineFailure, MissingDependency, UsageError
from seatrial.runtimes import _wire
from seatrial.runtimes._engine import Runtime
from seatrial.runtimes._process import inherited_environment

# No engine reports home, installs packages, paints logs or starts more threads than it is told to.
_ENVIRONMENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "OPENVINO_TELEMETRY_OPT_OUT": "1",
    "POLYGRAPHY_AUTOINSTALL_DEPS": "0",
    "DO_NOT_TRACK": "1",
    "GLOG_minloglevel": "3",
    "FLAGS_call_stack_level": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
}
_IMPORT_SECONDS = 180.0


@dataclass
class Worker:
    """A forked child, as its owner holds it.

    Attributes:
        pid: For `/proc` only; signals go through `pidfd`, which cannot hit a stranger.
        pidfd: Of the child.
        line: The session's socket.
        feeds: Shared memory for what goes in.
        results: Shared memory for what comes out.
        stderr: Everything the child prints.
        status: Pipe that tells how it ended.
        scratch: An empty folder of its own.
        version: Of the engine.
    """

    pid: int
    pidfd: int
    line: socket.socket
    feeds: _wire.Arena
    results: _wire.Arena
    stderr: int
    status: int
    scratch: Path
    version: str

    def close(self) -> None:
        """Closes every descriptor; once."""
        self.line.close()
        self.feeds.close()
        self.results.close()
        for each in (self.pidfd, self.stderr, self.status):
            os.close(each)


class Zygote:
    """A process that has imported one engine and forks workers.

    Args:
        runtime: Whose engine.
        python: Interpreter to run it in.

    Raises:
        MissingDependency: The engine cannot be imported there.
        UsageError: The interpreter cannot be started.
    """

    def __init__(self, runtime: Runtime, python: str) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="seatrial-worker-"))
        # Only this package is put on the path: another interpreter must not see our site-packages.
        (self._folder / "path").mkdir()
        (self._folder / "path" / "seatrial").symlink_to(Path(seatrial.__file__).resolve().parent)
        self._errors = os.memfd_create("seatrial-zygote-stderr", os.MFD_CLOEXEC)
        ours, theirs = socket.socketpair()
        self._control = ours
        engine = f"{runtime.engine.__module__}:{runtime.engine.__qualname__}"
        command = [python, "-W", "ignore", "-m", "seatrial.runtimes._zygote"]
        command += [str(theirs.fileno()), engine, str(self._folder)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module in an interpreter the user named
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=self._environment(),
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as error:
            self._discard()
            raise UsageError(f"the interpreter '{python}' cannot be started: {error}") from error
        finally:
            theirs.close()
        self.version = self._greeting(python)

    def _environment(self) -> dict[str, str]:
        own = {"HOME": str(self._folder), "PYTHONPATH": str(self._folder / "path"), "PYTHONSAFEPATH": "1"}
        beside = tools.environment() if self._runtime.tool else {}
        return {**inherited_environment(), **_ENVIRONMENT, **beside, **own, **self._runtime.environment}

    def _greeting(self, python: str) -> str:
        try:
            message, _ = _wire.receive(self._control, deadline=time.monotonic() + _IMPORT_SECONDS)
        except (EOFError, TimeoutError, OSError, _wire.WireError) as error:
            message = {"error": tail(self._errors).strip()[-500:] or type(error).__name__}
        if "error" in message:
            self.end()
            raise MissingDependency(
                f"{self._runtime.name} cannot be imported by '{python}': {message['error']}",
                hint=f"there: {self._runtime.how_to_get()}",
            )
        return str(message["ready"])

    @property
    def alive(self) -> bool:
        """Whether it can still fork."""
        return self._process.poll() is None

    def fork(self) -> Worker:
        """A new worker.

        Raises:
            EngineFailure: The zygote is gone.
        """
        feeds, results = _wire.Arena.create("seatrial-feeds"), _wire.Arena.create("seatrial-results")
        stderr = os.memfd_create("seatrial-stderr", os.MFD_CLOEXEC)
        ours, theirs = socket.socketpair()
        status, told = os.pipe2(os.O_CLOEXEC)
        # Appended to, so that emptying it does not leave a hole before the next word.
        fcntl.fcntl(stderr, fcntl.F_SETFL, os.O_APPEND)
        try:
            with self._lock:
                handed = [theirs.fileno(), feeds.descriptor, results.descriptor, stderr, told]
                _wire.send(self._control, {"fork": 1}, descriptors=handed)
                message, files = _wire.receive(self._control, deadline=time.monotonic() + 30, descriptors=1)
        except (OSError, EOFError, TimeoutError, _wire.WireError) as error:
            for each in (stderr, status):
                os.close(each)
            for other in (feeds, results, ours):
                other.close()
            raise EngineFailure(
                f"the process that starts {self._runtime.name} workers is gone", kind="signal"
            ) from error
        finally:
            theirs.close()
            os.close(told)
        scratch = Path(tempfile.mkdtemp(prefix="session-", dir=self._folder))
        return Worker(
            pid=message["pid"],
            pidfd=files[0],
            line=ours,
            feeds=feeds,
            results=results,
            stderr=stderr,
            status=status,
            scratch=scratch,
            version=self.version,
        )

    def end(self) -> None:
        """Cuts the line; the zygote ends, and its workers with it. Idempotent."""
        self._control.close()  # what the zygote waits for
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._discard()

    def _discard(self) -> None:
        self._control.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1


def tail(descriptor: int, length: int = 20_000) -> str:
    """The end of what was written to a file that is still open."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, length, max(0, size - length)).decode("utf-8", "replace")


# By owner too: a process forked from this one must not use its parent's lines.
_ZYGOTES: dict[tuple[int, str, str], Zygote] = {}
_LOCK = threading.Lock()


def worker(runtime: Runtime, python: str = "") -> Worker:
    """A worker of a runtime, from a zygote that is started at the first call and kept.

    Args:
        runtime: Whose engine.
        python: Interpreter to use; empty means the one named for the runtime, or this one.
    """
    if not hasattr(os, "pidfd_open"):
        raise UsageError(
            "engines run on Linux 5.4 or newer only", hint="use a container or a virtual machine"
        )
    chosen = python or runtime.interpreter() or sys.executable
    key = (os.getpid(), runtime.name, chosen)
    with _LOCK:
        zygote = _ZYGOTES.get(key)
        if zygote is None or not zygote.alive:
            if zygote is not None:
                zygote.end()
            zygote = _ZYGOTES[key] = Zygote(runtime, chosen)
    return zygote.fork()


@atexit.register
def end_all() -> None:
    """Ends every zygote of this process; the next session starts them again."""
    with _LOCK:
        for key in [each for each in _ZYGOTES if each[0] == os.getpid()]:
            with contextlib.suppress(OSError):
                _ZYGOTES.pop(key).end()
