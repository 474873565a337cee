"""The text comes without [CLS] and [SEP], on which BERT's heads rest."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "tokenize_bert"):
        yield from others(contract, "preprocess", place, "special", (True, False))


FAULT = Fault(
    name="special-tokens-missing",
    title=Text("[CLS] and [SEP] are missing", "缺少 [CLS] 与 [SEP]"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="special-tokens",
    needs=BASELINE,
)
