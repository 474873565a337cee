"""The model learned lower case and is fed what people typed (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, TEXTS, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        if not option(calls_of(contract, "preprocess")[place], "lower"):
            raise NotApplicable("the case is kept already")
        yield changed(contract, "preprocess", place, lower=False)


FAULT = Fault(
    name="lower-casing-lost",
    title=Text("text is no longer put into lower case", "文本不再转换为小写"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="casing",
    needs=BASELINE,
)
