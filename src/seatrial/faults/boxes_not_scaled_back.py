"""Boxes are given in pixels of the model's input, not of the picture, or are scaled twice."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "db_boxes", "detection_rows"):
        yield from others(contract, "postprocess", place, "coordinates", ("source", "model"))


FAULT = Fault(
    name="boxes-not-scaled-back",
    title=Text("boxes are not scaled back to the picture", "检测框没有换算回原图坐标"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
