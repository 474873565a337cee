"""A part of each answer is the one before it."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import CarriedState
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    return served_by(good, CarriedState, share=0.02 * (1 + seed % 4))


FAULT = Fault(
    name="state-carried-over",
    title=Text("some of the answer before is left in the next one", "上一次的答案残留在下一次答案里"),
    kind="service",
    checks=frozenset({"consistency", "robustness"}),
    make=make,
)
