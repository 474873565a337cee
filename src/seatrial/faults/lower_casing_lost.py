"""The model learned lower case and is fed what people typed (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, TEXTS, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        if not option(calls_of(contract, "preprocess")[place], "lower"):
            raise NotApplicable("the case is kept already")
        yield changed(contract, "preprocess", place, lower=False)


FAULT = contract_fault(
    "lower-casing-lost",
    Text("text is no longer put into lower case", "文本不再转换为小写"),
    _instances,
    cause="casing",
    number="F24",
    needs=BASELINE,
)
