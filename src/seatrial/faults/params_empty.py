"""The parameters file is there and has no bytes."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_parameters
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Leaves an empty file."""
    return broken_parameters(good, folder, lambda _: b"")


FAULT = Fault(
    name="params-empty",
    title=Text("the parameters file is empty", "参数文件为空"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F01",
)
