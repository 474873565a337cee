"""The held-out set was cut down to three samples, which prove nothing."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._data import judged_on
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    samples = good.release.held_out.samples
    start = seed % max(1, len(samples) - 2)
    return judged_on(good, samples[start : start + 3])


FAULT = Fault(
    name="held-out-shrunk",
    title=Text("only three held-out samples are left", "留出集只剩三个样本"),
    kind="gate",
    checks=frozenset({"accuracy"}),
    make=make,
    number="F49",
)
