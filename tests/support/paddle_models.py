"""Small exported Paddle models and an ONNX one, made once a machine for the slow tests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from seatrial.contract import TensorSpec
from seatrial.model import Artifact
from support.artifacts import by_hand

_RECIPE = Path(__file__).with_name("make_paddle_models.py")
_IDS = TensorSpec("ids", "int64", ("batch", None), low=0, high=19)
_INPUTS = {
    "affine": [TensorSpec("x", "float32", ("batch", 4))],
    "other": [TensorSpec("x", "float32", ("batch", 4))],
    "gru": [_IDS, TensorSpec("lengths", "int64", ("batch",))],
    "lstm": [_IDS, TensorSpec("lengths", "int64", ("batch",))],
    "lookup": [_IDS],
    "upsample": [TensorSpec("x", "float32", ("batch", 3, None, None))],
}


@cache
def folder() -> Path:
    """Where they lie: `NAME/inference.{json,pdiparams}`."""
    root = Path(os.environ["SEATRIAL_SIDE"]) / "cache"
    made = root / f"paddle-models-{hashlib.sha256(_RECIPE.read_bytes()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "paddle-models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "done").exists():
            command = [sys.executable, "-W", "ignore", str(_RECIPE), str(made)]
            subprocess.run(command, check=True, capture_output=True)
            (made / "done").touch()
    return made


def paddle_model(name: str) -> Artifact:
    """One of them, described by hand."""
    graph = folder() / name / "inference.json"
    operators = {"rnn": 1} if name in {"gru", "lstm"} else {}
    outputs = (TensorSpec("fetch_name_0", "float32", ("batch", None)),)
    return by_hand(
        graph,
        "paddle-json",
        _INPUTS[name],
        weights=graph.with_suffix(".pdiparams"),
        operators=operators,
        outputs=outputs,
    )
