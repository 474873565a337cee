"""Sides are no multiples of the network's stride, or are rounded the other way."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "resize_limit"):
        call = calls_of(contract, "preprocess")[place]
        now, rounding = option(call, "multiple"), option(call, "rounding")
        for other in (128, 64, 16, 8):
            if other != now:
                yield changed(contract, "preprocess", place, multiple=other)
        yield changed(contract, "preprocess", place, rounding="nearest" if rounding == "up" else "up")


FAULT = contract_fault(
    "stride-changed",
    Text("sides are rounded to another multiple than the network's stride", "边长没有按网络步长取整"),
    _instances,
    cause="geometry",
    number="F23",
    needs=BASELINE,
)
