"""The model was exported in training mode: every answer depends on its neighbours in the batch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from seatrial.faults._edits import with_operators
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._net import BATCH_NORM, Net
from seatrial.model import OperatorEdit
from seatrial.text import Text

_PADDLE = {"is_test": False, "use_global_stats": False}


def make(good: Good, folder: Path, _: int) -> Release:
    """Lets every batch normalisation use the statistics of the batch.

    Paddle's oneDNN fusions undo it without a word; so a `.json` model is deployed without oneDNN, where it
    shows in the answers. The structure check sees it either way.

    Raises:
        NotApplicable: There is none, or the opset has no training mode (before 14).
    """
    found = [each for each in Net.of(good).operators if each.type in BATCH_NORM]
    if not found:
        raise NotApplicable("the graph has no batch normalization")
    attributes = {"training_mode": 1} if good.artifact.format == "onnx" else _PADDLE
    if good.artifact.format == "onnx" and _opset(good.artifact.version) < 14:
        raise NotApplicable("batch normalization has no training mode before opset 14")
    broken = with_operators(good, folder, [OperatorEdit(each.name, attributes) for each in found])
    if good.artifact.format != "paddle-json":
        return broken
    engine = {**good.release.profile.get("engine", {}), "onednn": False}
    return replace(broken, profile={**good.release.profile, "engine": engine})


def _opset(version: str) -> int:
    found = re.search(r"opset (\d+)", version)
    return int(found[1]) if found else 0


FAULT = Fault(
    name="batch-norm-in-training",
    title=Text("batch normalization is in training mode", "批归一化处于训练模式"),
    kind="graph",
    checks=frozenset({"structure", "consistency", "accuracy"}),
    make=make,
    number="F18",
    cause="train-mode",
)
