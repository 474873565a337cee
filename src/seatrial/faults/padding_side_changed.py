"""The filling stands before the text where it stood behind, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text

_OTHER = {"end": "start", "start": "end"}


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "lookup", "tokenize_bert"):
        call = calls_of(contract, "preprocess")[place]
        if not option(call, "pad"):
            raise NotApplicable("texts are not filled up")
        yield changed(contract, "preprocess", place, side=_OTHER[option(call, "side")])


FAULT = contract_fault(
    "padding-side-changed",
    Text("texts are filled up on the other side", "文本填充到了另一侧"),
    _instances,
    cause="padding-side",
    number="F24",
    needs=BASELINE,
)
