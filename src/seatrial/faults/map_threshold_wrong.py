"""Pixels of a text map count as text from another probability on."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, changed, contract_fault, needed
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "db_boxes"):
        for other in (0.02, 0.8):
            yield changed(contract, "postprocess", place, thresh=other)


FAULT = contract_fault(
    "map-threshold-wrong",
    Text("the threshold of the text map is another one", "文本概率图的阈值不对"),
    _instances,
    cause="threshold",
    number="F25",
    needs=BASELINE,
)
