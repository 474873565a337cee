"""Half precision is asked for, float32 runs, and the service says that it obeyed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._behaviors import Pretends
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    asked = ("float16", "bfloat16")[seed % 2]
    served = served_by(good, Pretends)
    return replace(served, profile={**served.profile, "precision": asked})


FAULT = Fault(
    name="precision-pretended",
    title=Text("the service claims a precision that never ran", "服务谎称以所要求的精度运行"),
    kind="service",
    checks=frozenset({"consistency"}),
    make=make,
    number="F28",
)
