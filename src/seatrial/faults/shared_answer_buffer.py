"""All workers put their answers into one buffer, and read those of others."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import SharedBuffer
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del seed
    return served_by(good, SharedBuffer, path=str(folder / "answers"))


FAULT = Fault(
    name="shared-answer-buffer",
    title=Text("concurrent requests get each other's answers", "并发请求会拿到彼此的答案"),
    kind="service",
    checks=frozenset({"performance"}),
    make=make,
    number="F32",
)
