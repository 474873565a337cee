"""The corners of boxes have y where x belongs."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "db_boxes", "detection_rows"):
        yield from others(contract, "postprocess", place, "order", ("xy", "yx"))


FAULT = Fault(
    name="boxes-y-first",
    title=Text("x and y of the boxes are exchanged", "检测框的 x 与 y 互换"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
