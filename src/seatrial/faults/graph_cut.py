"""Half of the graph is there."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_graph
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Keeps the first half; another seed cuts elsewhere."""
    return broken_graph(good, folder, lambda data: data[: len(data) // (2 + seed % 3)])


FAULT = Fault(
    name="graph-cut",
    title=Text("the graph is cut in half", "计算图文件只剩一半"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F05",
)
