"""The model knows capitals and is fed lower case (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, TEXTS, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        if option(calls_of(contract, "preprocess")[place], "lower"):
            raise NotApplicable("text is in lower case already")
        yield changed(contract, "preprocess", place, lower=True)


FAULT = Fault(
    name="lower-casing-added",
    title=Text("text is put into lower case, unlike in training", "文本被转换为小写，与训练时不同"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="casing",
    needs=BASELINE,
)
