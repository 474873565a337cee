"""The parameters file was forgotten; Paddle 3 runs on random weights without a word."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_parameters
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Takes the file away."""
    return broken_parameters(good, folder, lambda _: None)


FAULT = Fault(
    name="params-missing",
    title=Text("the parameters file is missing", "缺少参数文件"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F03",
)
