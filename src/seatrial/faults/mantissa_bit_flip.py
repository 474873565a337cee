"""The lowest mantissa bit of one weight is flipped: a hundred-millionth of it."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._bits import flipped
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Flips bit 0 of one float32 weight."""
    return flipped(good, folder, seed, bit=0)


FAULT = Fault(
    name="mantissa-bit-flip",
    title=Text("the lowest mantissa bit of one weight is flipped", "某个权重的最低尾数位翻转"),
    kind="weights",
    checks=frozenset({"structure"}),
    make=make,
    number="F09",
    identity_only=Text(
        "one weight changes by a ten-millionth of itself, less than runtimes differ; only a digest sees it",
        "仅一个权重改变约千万分之一，小于不同运行时之间的差异，只有摘要校验能发现",
    ),
)
