"""A delivered library was built for another processor."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._elf import another_machine, small_library
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del seed
    data = small_library(needed=["libc.so.6"], soname="libreader.so", machine=another_machine())
    return with_files(good, folder, {"lib/libreader.so": data})


FAULT = Fault(
    name="library-of-another-machine",
    title=Text("a delivered library is for another processor", "交付的动态库面向其他处理器"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F47",
)
