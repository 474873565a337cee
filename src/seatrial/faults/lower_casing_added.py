"""The model knows capitals and is fed lower case (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, TEXTS, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        if option(calls_of(contract, "preprocess")[place], "lower"):
            raise NotApplicable("text is in lower case already")
        yield changed(contract, "preprocess", place, lower=True)


FAULT = contract_fault(
    "lower-casing-added",
    Text("text is put into lower case, unlike in training", "文本被转换为小写，与训练时不同"),
    _instances,
    cause="casing",
    number="F24",
    needs=BASELINE,
)
