"""Runs one conversion tool in a process of its own: such tools abort, exit and install packages."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import seatrial
from seatrial.errors import EngineFailure, ModelError
from seatrial.runtimes import inherited_environment, plain_words, run_logged, tail_of

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
    # Sets are gone through in the same order each time, and so are the names that tools make up.
    "PYTHONHASHSEED": "0",
}


def run(
    program: str | Path,
    request: Mapping[str, Any],
    *,
    tool: str,
    timeout: float,
    python: str | Path = "",
    devices: bool = False,
) -> dict[str, Any]:
    """Runs a Python program with a request and returns the answer it left.

    Args:
        program: A module of ours, or the file of one that needs nothing of Seatrial's: another interpreter
            may be too old for the rest. It takes the paths of the request and of the answer, both JSON.
        request: What to do.
        tool: What to call it in messages.
        timeout: Seconds.
        python: Interpreter to run it in; empty for this one. Only Seatrial itself is put on its path.
        devices: Whether it may know which GPUs it is to use.

    Raises:
        EngineFailure: It died, hung, exited or raised; the message has its last words.
        ModelError: It reported in its answer why the model cannot be converted.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-convert-") as scratch:
        folder = Path(scratch)
        (folder / "request.json").write_text(json.dumps(request), "utf-8")
        answer, log = folder / "answer.json", folder / "log"
        # Isolated where it can be: beside its file lie ours, some of them named like the engines.
        how = ["-I", str(program)] if isinstance(program, Path) else ["-P", "-m", program]
        command = [str(python or sys.executable), "-W", "ignore", *how]
        command += [str(folder / "request.json"), str(answer)]
        try:
            code = run_logged(
                command, log, environment=_environment(folder, devices=devices), timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise EngineFailure(
                f"{tool} did not finish within {timeout:g} s", kind="timeout", hint="raise the time limit"
            ) from error
        said = plain_words(tail_of(log))
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


def _environment(folder: Path, *, devices: bool = False) -> dict[str, str]:
    # A link to this package alone: another interpreter must not see our site-packages.
    root = folder / "path"
    root.mkdir()
    (root / "seatrial").symlink_to(Path(seatrial.__file__).resolve().parent)
    own = {"HOME": str(folder), "PYTHONPATH": str(root)}
    return {**inherited_environment(devices=devices), **_ENVIRONMENT, **own}


def _end(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and left no result"
