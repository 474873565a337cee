"""Long texts are cut short of what the model was trained to read (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "lookup", "tokenize_bert"):
        now = option(calls_of(contract, "preprocess")[place], "max_length")
        for other in (8, 16, 32) if now is None else (max(3, now // 8), max(4, now // 4)):
            if now is None or other < now:
                yield changed(contract, "preprocess", place, max_length=other)


FAULT = Fault(
    name="max-length-cut",
    title=Text("texts are cut after fewer tokens than in training", "文本被截得比训练时更短"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="max-length",
    needs=BASELINE,
)
