"""The parameters file ends inside its last tensor; Paddle loads it without a word."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_parameters, last_of
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Takes a part of the last tensor away, by the seed between a quarter and three quarters."""
    last = last_of(good)
    missing = max(1, last.nbytes * (1 + seed % 3) // 4)
    return broken_parameters(good, folder, lambda data: data[:-missing])


FAULT = Fault(
    name="params-short-in-last-tensor",
    title=Text("the parameters file ends inside its last tensor", "参数文件在最后一个张量中间截断"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F02",
)
