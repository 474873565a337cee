"""Half of the parameters file is there: a copy that was interrupted."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._files import broken_parameters
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Keeps the first half; another seed cuts elsewhere, but always deep."""
    return broken_parameters(good, folder, lambda data: data[: len(data) // (2 + seed % 3)])


FAULT = Fault(
    name="params-cut",
    title=Text("the parameters file is cut in half", "参数文件只剩一半"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F01",
)
