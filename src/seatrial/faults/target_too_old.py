"""The target's system is older than the one the runtime was built for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    limits = {**good.contract.limits, "deployment.glibc": ("2.12", "2.5")[seed % 2]}
    return replace(good.release, contract=replace(good.contract, limits=limits))


FAULT = Fault(
    name="target-too-old",
    title=Text("the target's system is too old for the runtime", "目标系统对该运行时来说太旧"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F47",
)
