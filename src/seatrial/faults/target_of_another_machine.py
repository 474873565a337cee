"""The target's processor is not the one the runtime was built for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._elf import another_processor
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder, seed
    limits = {**good.contract.limits, "deployment.machine": another_processor()}
    return replace(good.release, contract=replace(good.contract, limits=limits))


FAULT = Fault(
    name="target-of-another-machine",
    title=Text("the target has another processor than the runtime", "目标处理器与运行时不符"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F47",
)
