"""One lock for all workers: a second one brings nothing."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import GlobalLock
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del seed
    return served_by(good, GlobalLock, path=str(folder / "lock"))


FAULT = Fault(
    name="global-lock",
    title=Text("all workers wait for one lock", "所有工作进程共用一把锁"),
    kind="service",
    checks=frozenset({"performance"}),
    make=make,
    number="F30",
)
