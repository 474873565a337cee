"""Half precision is asked for, and the processor has none: float32 runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    asked = ("float16", "bfloat16")[seed % 2]
    return replace(good.release, profile={**good.release.profile, "precision": asked})


FAULT = Fault(
    name="precision-never-ran",
    title=Text("the precision that was asked for does not run", "要求的精度并未真正运行"),
    kind="service",
    checks=frozenset({"consistency"}),
    make=make,
    number="F28",
)
