"""An archive has a member that is unpacked outside of its folder."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files, zipped
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    name = ("../../.profile", "/opt/model.yaml", "..\\..\\start.bat")[seed % 3]
    return with_files(good, folder, {"model.zip": zipped({"readme.txt": b"a model", name: b"x"})})


FAULT = Fault(
    name="archive-writes-outside",
    title=Text("a delivered archive writes outside its folder", "交付的压缩包会写到目录之外"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F39",
)
