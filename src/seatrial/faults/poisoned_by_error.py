"""After one refused request every later answer is a little off."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import Poisoned
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    return served_by(good, Poisoned, share=0.01 * (1 + seed % 5))


FAULT = Fault(
    name="poisoned-by-error",
    title=Text("answers differ after an error", "出错一次之后答案就变了"),
    kind="service",
    checks=frozenset({"robustness"}),
    make=make,
    number="F35",
)
