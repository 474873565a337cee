"""The text comes without [CLS] and [SEP], on which BERT's heads rest."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "tokenize_bert"):
        special = option(calls_of(contract, "preprocess")[place], "special")
        yield changed(contract, "preprocess", place, special=not special)


FAULT = contract_fault(
    "special-tokens-missing",
    Text("[CLS] and [SEP] are missing", "缺少 [CLS] 与 [SEP]"),
    _instances,
    cause="special-tokens",
    number="F24",
    needs=BASELINE,
)
