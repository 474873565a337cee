"""The sign of one of a layer's largest weights is flipped."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._bits import flipped
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Flips bit 31 of one float32 weight."""
    return flipped(good, folder, seed, bit=31)


FAULT = Fault(
    name="sign-flip",
    title=Text("the sign of one weight is flipped", "某个权重的符号翻转"),
    kind="weights",
    checks=frozenset({"structure", "weights", "consistency", "accuracy"}),
    make=make,
    number="F10",
    cause="weights",
    needs=frozenset({"baseline"}),
)
