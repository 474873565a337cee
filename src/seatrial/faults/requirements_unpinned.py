"""The delivered requirements leave versions open: tomorrow another release is installed."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    line = ("numpy", "numpy>=1.20", "numpy==2.*")[seed % 3]
    return with_files(good, folder, {"requirements.txt": f"{line}\n".encode()})


FAULT = Fault(
    name="requirements-unpinned",
    title=Text("delivered requirements leave versions open", "交付的依赖清单没有锁定版本"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F48",
)
