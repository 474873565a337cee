"""Pixels of a text map count as text from another probability on."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, changed, edited, needed
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "db_boxes"):
        for other in (0.02, 0.8):
            yield changed(contract, "postprocess", place, thresh=other)


FAULT = Fault(
    name="map-threshold-wrong",
    title=Text("the threshold of the text map is another one", "文本概率图的阈值不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="threshold",
    needs=BASELINE,
)
