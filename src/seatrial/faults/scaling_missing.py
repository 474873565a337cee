"""Pixels from 0 to 255 go where the model learned 0 to 1 (PaddleOCR #15141)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "normalize"):
        if option(calls_of(contract, "preprocess")[place], "scale") == 1:
            raise NotApplicable("the normalization does not scale")
        yield changed(contract, "preprocess", place, scale=1.0)


FAULT = Fault(
    name="scaling-missing",
    title=Text("pixels are not divided by 255", "像素值没有除以 255"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="scaling",
    needs=BASELINE,
)
