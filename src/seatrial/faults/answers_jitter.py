"""The same request gets slightly other numbers each time."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import Jitter
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    return served_by(good, Jitter, share=0.001 * (1 + seed % 5), seed=seed)


FAULT = Fault(
    name="answers-jitter",
    title=Text("the same request gets other numbers each time", "同一请求每次得到的数值都不同"),
    kind="service",
    checks=frozenset({"consistency"}),
    make=make,
)
