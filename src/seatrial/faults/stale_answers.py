"""A cache that is keyed by the shape of a request gives the answer of another."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import StaleCache
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder, seed
    return served_by(good, StaleCache)


FAULT = Fault(
    name="stale-answers",
    title=Text("a cache gives the answer of an earlier request", "缓存返回了先前请求的答案"),
    kind="service",
    checks=frozenset({"accuracy", "consistency"}),
    make=make,
)
