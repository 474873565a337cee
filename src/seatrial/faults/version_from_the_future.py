"""The graph names a format version that nobody here knows; Paddle loads it without a word."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import applicable, release_of
from seatrial.faults._fault import Fault, Good, Release
from seatrial.model import misstate
from seatrial.text import Text

# Of PIR, of the framework (99.9.9), and of the operators.
_VERSIONS = {"paddle-json": 99, "paddle-pdmodel": 99_009_009, "onnx": 99}


def make(good: Good, folder: Path, seed: int) -> Release:
    """Raises the version the file claims."""
    version = _VERSIONS.get(good.artifact.format, 99) + seed % 100
    return release_of(good, applicable(lambda: misstate(good.artifact, folder, version=version)))


FAULT = Fault(
    name="version-from-the-future",
    title=Text("the graph is of a format version from the future", "计算图的格式版本来自未来"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F06",
)
