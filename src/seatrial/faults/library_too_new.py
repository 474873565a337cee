"""A delivered library was built on a system newer than the target."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._elf import small_library, this_machine
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    version = f"GLIBC_2.{41 + seed % 20}"
    data = small_library(
        needed=["libc.so.6"], soname="libreader.so", versions=[version], machine=this_machine()
    )
    return with_files(good, folder, {"lib/libreader.so": data})


FAULT = Fault(
    name="library-too-new",
    title=Text(
        "a delivered library needs a newer system than the target", "交付的动态库需要比目标更新的系统"
    ),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F47",
)
