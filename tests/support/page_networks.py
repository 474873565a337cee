"""Paddle 2 programs for pages, made once a machine for the slow tests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from seatrial.model import Artifact, open_model

_RECIPE = Path(__file__).with_name("make_page_networks.py")


@cache
def folder() -> Path:
    """Where they lie: `NAME/inference.{pdmodel,pdiparams}`."""
    root = Path(os.environ["SEATRIAL_SIDE"]) / "cache"
    made = root / f"page-networks-{hashlib.sha256(_RECIPE.read_bytes()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "page-networks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "done").exists():
            command = [sys.executable, "-W", "ignore", str(_RECIPE), str(made)]
            environment = {**os.environ, "FLAGS_enable_pir_api": "0"}
            subprocess.run(command, check=True, capture_output=True, env=environment)
            (made / "done").touch()
    return made


def network(name: str) -> Artifact:
    """One of `digits`, `mobile`, `rows`, `erf`, `free`."""
    return open_model(folder() / name)
