"""Programs that are run once, in a process of their own: their environment, their end, their last words."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD", "TMPDIR")
_DEVICES = ("CUDA_VISIBLE_DEVICES",)
_LAST_WORDS = 20_000


def inherited_environment(*, devices: bool = True) -> dict[str, str]:
    """What a process that we start gets of our own environment: nothing that changes what it computes.

    Args:
        devices: Whether it may know which GPUs it is to use.
    """
    names = (*_INHERITED, *_DEVICES) if devices else _INHERITED
    return {name: os.environ[name] for name in names if name in os.environ}


def run_logged(command: Sequence[str], log: Path, *, environment: Mapping[str, str], timeout: float) -> int:
    """Runs a command in the folder of its log and returns its exit code, below 0 for a signal.

    Args:
        command: Program and arguments.
        log: File for everything it prints.
        environment: All of it.
        timeout: Seconds; then it is killed.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It did not finish.
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own file, in our interpreter or one the user named
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=dict(environment),
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            return process.wait(timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # its own session: whatever it started goes with it
                process.wait()


def tail_of(log: Path) -> str:
    """The end of what a program said, however much that was."""
    with log.open("rb") as stream:
        stream.seek(-min(_LAST_WORDS, log.stat().st_size), os.SEEK_END)
        return stream.read(_LAST_WORDS).decode("utf-8", "replace")
