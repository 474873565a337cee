"""The parameters file lacks its last byte; Paddle loads it without a word."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_weights_file
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Takes the last byte away."""
    return broken_weights_file(good, folder, lambda data: data[:-1])


FAULT = Fault(
    name="params-short-by-a-byte",
    title=Text("the parameters file lacks its last byte", "参数文件缺少最后一个字节"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F02",
)
