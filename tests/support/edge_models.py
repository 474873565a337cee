"""Models for the slow tests of phones' engines: exported once a machine with the old machinery of Paddle."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from seatrial import tools

_ROOT = Path(__file__).resolve().parents[2]
_DIGITS = _ROOT / "examples" / "digits" / "train.py"
_SMALL = Path(__file__).with_name("make_paddle_models.py")


def needs(tool: str) -> None:
    """Skips where a tool is not on this machine."""
    if tools.find(tool) is None:
        pytest.skip(f"needs the tool {tool}: seatrial doctor {tool} | sh -eu")


@cache
def _made(recipe: Path) -> Path:
    key = hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]
    root = Path(os.environ["SEATRIAL_SIDE"]) / "cache"
    folder = root / f"legacy-{recipe.stem}-{key}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "legacy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            command = [sys.executable, "-W", "ignore", str(recipe), str(folder)]
            environment = {**os.environ, "FLAGS_enable_pir_api": "0"}
            subprocess.run(command, check=True, capture_output=True, env=environment)
            (folder / "done").touch()
    return folder


def digits() -> Path:
    """The digits model as `.pdmodel`, with held_out.npz beside `model/`."""
    return _made(_DIGITS)


def small(name: str) -> Path:
    """One of the small models (`affine`, `gru`...) as `.pdmodel`."""
    return _made(_SMALL) / name
