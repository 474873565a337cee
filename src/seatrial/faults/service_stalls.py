"""The service stands still for a third of a second now and then."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import Stall
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    return served_by(good, Stall, seconds=0.25 + 0.05 * (seed % 3), requests=6, quiet=0.1)


FAULT = Fault(
    name="service-stalls",
    title=Text("the service stands still now and then", "服务时不时停顿"),
    kind="service",
    checks=frozenset({"performance"}),
    make=make,
    number="F30",
)
