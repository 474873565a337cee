"""Boxes that cover each other are all kept, or neighbors are dropped."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "nms"):
        now = option(calls_of(contract, "postprocess")[place], "iou")
        for other in (0.05, 0.95):
            if abs(other - now) > 0.1:
                yield changed(contract, "postprocess", place, iou=other)


FAULT = contract_fault(
    "nms-overlap-wrong",
    Text("boxes are dropped at another overlap", "非极大值抑制的重叠阈值不对"),
    _instances,
    cause="threshold",
    number="F25",
    needs=BASELINE,
)
