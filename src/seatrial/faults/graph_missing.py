"""The graph file was forgotten."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_graph
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Takes the file away."""
    return broken_graph(good, folder, lambda _: None)


FAULT = Fault(
    name="graph-missing",
    title=Text("the graph is missing", "缺少计算图文件"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F05",
)
