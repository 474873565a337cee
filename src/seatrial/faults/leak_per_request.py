"""Every request leaves some kilobytes behind: a log, a list of results, a cache without a bound."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import Leak
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    return served_by(good, Leak, kept=1024 * (1 + seed % 4))


FAULT = Fault(
    name="leak-per-request",
    title=Text("memory grows with every request", "每个请求都泄漏一点内存"),
    kind="service",
    checks=frozenset({"performance"}),
    make=make,
    number="F29",
)
