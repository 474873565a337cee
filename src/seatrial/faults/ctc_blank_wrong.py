"""The class that means nothing is looked for at the other end (PaddleOCR puts it first)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "ctc_decode"):
        now = option(calls_of(contract, "postprocess")[place], "blank")
        for other in (0, 1, -1):
            if other != now:
                yield changed(contract, "postprocess", place, blank=other)


FAULT = contract_fault(
    "ctc-blank-wrong",
    Text("the blank of the CTC head is taken for another class", "CTC 空白符的编号不对"),
    _instances,
    cause="decoding",
    number="F25",
    needs=BASELINE,
)
