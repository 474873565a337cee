"""Pixels from 0 to 255 go where the model learned 0 to 1 (PaddleOCR #15141)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "normalize"):
        if option(calls_of(contract, "preprocess")[place], "scale") == 1:
            raise NotApplicable("the normalization does not scale")
        yield changed(contract, "preprocess", place, scale=1.0)


FAULT = contract_fault(
    "scaling-missing",
    Text("pixels are not divided by 255", "像素值没有除以 255"),
    _instances,
    cause="scaling",
    number="F23",
    needs=BASELINE,
)
