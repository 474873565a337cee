"""Softmax is applied to what is a probability already: all confidences fall."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, CONFIDENT, SEEN_BY, edited, inserted, needed
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    place = needed(contract, "postprocess", *CONFIDENT)[0]
    yield inserted(contract, "postprocess", place, StepCall("softmax"))


FAULT = Fault(
    name="softmax-twice",
    title=Text("softmax is applied to probabilities", "对概率又做了一次 softmax"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="softmax",
    needs=BASELINE,
)
