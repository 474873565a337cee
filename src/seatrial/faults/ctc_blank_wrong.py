"""The class that means nothing is looked for at the other end (PaddleOCR puts it first)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "ctc_decode"):
        yield from others(contract, "postprocess", place, "blank", (0, 1, -1))


FAULT = Fault(
    name="ctc-blank-wrong",
    title=Text("the blank of the CTC head is taken for another class", "CTC 空白符的编号不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
