"""Sides are no multiples of the network's stride, or are rounded the other way."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "resize_limit"):
        yield from others(contract, "preprocess", place, "multiple", (128, 64, 16, 8))
        rounding = option(calls_of(contract, "preprocess")[place], "rounding")
        yield changed(contract, "preprocess", place, rounding="nearest" if rounding == "up" else "up")


FAULT = Fault(
    name="stride-changed",
    title=Text("sides are rounded to another multiple than the network's stride", "边长没有按网络步长取整"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
