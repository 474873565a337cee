"""ONNX Runtime for programs that are no Python: what they are compiled with, and the library of the wheel."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from seatrial import tools

NAME = "onnxruntime-sdk"


def sdk() -> Path:
    """The tool's folder, got by its recipe when it is not there; skips where that is not possible."""
    why = _got()
    found = tools.find(NAME)
    if found is None:
        pytest.skip(f"the tool {NAME} cannot be got: {why}")
    return found.path


@cache
def _got() -> str:
    """Empty, or why the recipe did not work here."""
    side = tools.side_folder()
    side.mkdir(parents=True, exist_ok=True)
    with (side / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tools.find(NAME) is not None:
            return ""
        doctor = [str(Path(sys.executable).parent / "seatrial"), "doctor", NAME]
        recipe = subprocess.run(doctor, capture_output=True, check=True).stdout
        try:
            done = subprocess.run(["sh", "-eu"], input=recipe, capture_output=True, timeout=300)
        except subprocess.TimeoutExpired:
            return "it took more than 300 s"
    return "" if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip()[-300:]


def jar() -> Path:
    """Its Java classes; skips where there was no JDK when it was made."""
    found = sdk() / "onnxruntime.jar"
    if not found.is_file():
        pytest.skip("the tool onnxruntime-sdk was made without a JDK and a C compiler")
    return found


def library() -> Path:
    """The wheel's library."""
    import onnxruntime

    return next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")).resolve()
