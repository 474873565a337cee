"""Boxes that cover each other are all kept, or neighbors are dropped."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "nms"):
        now = option(calls_of(contract, "postprocess")[place], "iou")
        for other in (0.05, 0.95):
            if abs(other - now) > 0.1:
                yield changed(contract, "postprocess", place, iou=other)


FAULT = Fault(
    name="nms-overlap-wrong",
    title=Text("boxes are dropped at another overlap", "非极大值抑制的重叠阈值不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="threshold",
    needs=BASELINE,
)
