"""The highest exponent bit of one weight is flipped: it becomes some 1e38."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._bits import flipped
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Flips bit 30 of one float32 weight."""
    return flipped(good, folder, seed, bit=30)


FAULT = Fault(
    name="exponent-bit-flip",
    title=Text("one exponent bit of one weight is flipped", "某个权重的一个指数位翻转"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F08",
    cause="weights",
)
