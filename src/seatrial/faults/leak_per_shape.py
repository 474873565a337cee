"""Whenever the shape changes, the plan for the old shape stays in memory."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import Leak
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    return served_by(good, Leak, kept=65536 * (1 + seed % 4), when_shape_changes=True)


FAULT = Fault(
    name="leak-per-shape",
    title=Text("memory grows whenever the input's shape changes", "输入形状一变化就泄漏内存"),
    kind="service",
    checks=frozenset({"performance"}),
    make=make,
    number="F29",
)
