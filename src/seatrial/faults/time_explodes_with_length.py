"""An input longer than usual takes time that explodes: a pattern that backtracks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from seatrial.contract import Contract
from seatrial.contract.sample import Payload
from seatrial.errors import SeatrialError
from seatrial.faults._behaviors import Backtracking
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._service import served_by
from seatrial.text import Text

_LOOKED_AT = 64


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    samples = good.release.held_out.samples[:_LOOKED_AT]
    usual = max((_elements(good.contract, each.payload) for each in samples), default=0)
    long = _long(samples[0].payload) if usual else None
    if long is None or _elements(good.contract, long) < 2 * usual:
        raise NotApplicable("no request can be longer than usual: preprocessing gives all one size")
    return served_by(good, Backtracking, usual=usual, most=12.0 + seed % 3)


def _elements(contract: Contract, payload: Payload) -> int:
    """Elements of the largest input a payload becomes; 0 when it becomes none."""
    try:
        feeds, _ = contract.prepare(payload)
    except SeatrialError:
        return 0
    return max(np.asarray(each).size for each in feeds.values())


def _long(payload: Payload) -> Payload | None:
    """A payload as long as an enemy would send it."""
    if isinstance(payload, str):
        return "long text " * 10_000
    if isinstance(payload, (Path, bytes)):
        buffer = io.BytesIO()
        Image.new("RGB", (4096, 4), "gray").save(buffer, "PNG")
        return buffer.getvalue()
    return None


FAULT = Fault(
    name="time-explodes-with-length",
    title=Text("a long input takes ages", "输入一长，耗时就急剧增加"),
    kind="service",
    checks=frozenset({"robustness"}),
    make=make,
    number="F33",
)
