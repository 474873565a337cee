"""Runs one conversion tool in a process of its own: such tools abort, exit and install packages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import seatrial
from seatrial.errors import EngineFailure, ModelError
from seatrial.runtimes import plain_words

# No tool may fetch or install anything: a converter that lacks a package has to say so.
_ENVIRONMENT = {
    "POLYGRAPHY_AUTOINSTALL_DEPS": "0",
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "UV_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "GLOG_minloglevel": "2",
    "PYTHONNOUSERSITE": "1",
    "PYTHONIOENCODING": "utf-8",
}
_LAST_WORDS = 20_000
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD", "TMPDIR")


def run(module: str, request: Mapping[str, Any], *, tool: str, timeout: float) -> dict[str, Any]:
    """Runs `python -m module` with a request and returns the answer it left.

    Args:
        module: Takes the paths of the request and of the answer, both JSON.
        request: What to do.
        tool: What to call it in messages.
        timeout: Seconds.

    Raises:
        EngineFailure: It died, hung, exited or raised; the message has its last words.
        ModelError: It reported in its answer why the model cannot be converted.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-convert-") as scratch:
        folder = Path(scratch)
        (folder / "request.json").write_text(json.dumps(request), "utf-8")
        answer, log = folder / "answer.json", folder / "log"
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-P",
            "-m",
            module,
            str(folder / "request.json"),
            str(answer),
        ]
        code = _wait(command, _environment(folder), log, timeout=timeout, tool=tool)
        said = plain_words(_tail(log))
        if not answer.exists():
            raise EngineFailure(
                f"{tool} {_end(code)}" + (f"; its last words: {said}" if said else ""),
                kind="signal" if code < 0 else "exception",
                signal_name=signal.Signals(-code).name if code < 0 else "",
                hint="the model uses something the tool does not know; run it on the source runtime instead",
            )
        told: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    if "error" in told:
        raise ModelError(f"{tool}: {plain_words(told['error'])}", hint=told.get("hint", ""))
    return told


def _tail(log: Path) -> str:
    """The end of what the tool said, however much that was."""
    with log.open("rb") as stream:
        stream.seek(-min(_LAST_WORDS, log.stat().st_size), os.SEEK_END)
        return stream.read(_LAST_WORDS).decode("utf-8", "replace")


def _environment(folder: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    root = str(Path(seatrial.__file__).resolve().parent.parent)
    return {**inherited, **_ENVIRONMENT, "HOME": str(folder), "PYTHONPATH": root}


def _wait(command: list[str], environment: Mapping[str, str], log: Path, *, timeout: float, tool: str) -> int:
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603 - our own module in our own interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env=dict(environment),
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise EngineFailure(
                f"{tool} did not finish within {timeout:g} s", kind="timeout", hint="raise the time limit"
            ) from error
        finally:
            if process.poll() is None:
                # Its own session: whatever it started goes with it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _end(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and left no result"
