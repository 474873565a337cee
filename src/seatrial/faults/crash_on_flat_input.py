"""The service dies of an input that has the same value everywhere."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import Crash
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder, seed
    return served_by(good, Crash)


FAULT = Fault(
    name="crash-on-flat-input",
    title=Text("the service dies of an input without contrast", "遇到没有任何变化的输入时服务崩溃"),
    kind="service",
    checks=frozenset({"robustness"}),
    make=make,
    number="F34",
)
