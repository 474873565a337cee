"""The graph file is there and has no bytes."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_graph
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Leaves an empty file."""
    return broken_graph(good, folder, lambda _: b"")


FAULT = Fault(
    name="graph-empty",
    title=Text("the graph is empty", "计算图文件为空"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F05",
)
