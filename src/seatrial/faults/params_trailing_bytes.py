"""Bytes follow the last tensor: two files written over each other."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_weights_file
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Appends zeros."""
    return broken_weights_file(good, folder, lambda data: data + bytes(64 + seed % 64))


FAULT = Fault(
    name="params-trailing-bytes",
    title=Text("bytes follow the last parameter", "最后一个参数之后有多余字节"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F04",
)
