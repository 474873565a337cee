"""The contract asks for less than it did when the release before was accepted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    minimum = good.contract.limits.get("accuracy.minimum")
    if not isinstance(minimum, (int, float)):
        raise NotApplicable("the contract names no accuracy.minimum that could be lowered")
    limits = {**good.contract.limits, "accuracy.minimum": minimum * (0.5 + 0.1 * (seed % 4))}
    return replace(good.release, contract=replace(good.contract, limits=limits))


FAULT = Fault(
    name="bar-lowered",
    title=Text("the contract asks for less than before", "契约的要求被悄悄降低"),
    kind="gate",
    checks=frozenset({"accuracy"}),
    make=make,
    number="F49",
    needs=frozenset({"baseline"}),
)
