"""A delivered library needs one that is nowhere."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._elf import small_library, this_machine
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    missing = ("libiomp5.so", "libmklml_intel.so", "libdnnl.so.3")[seed % 3]
    data = small_library(needed=["libc.so.6", missing], soname="libreader.so", machine=this_machine())
    return with_files(good, folder, {"lib/libreader.so": data})


FAULT = Fault(
    name="library-needs-another",
    title=Text("a delivered library needs one that is missing", "交付的动态库缺少依赖库"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F46",
)
