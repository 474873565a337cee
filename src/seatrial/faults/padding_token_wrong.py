"""Texts are filled up with the id of another token than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option, places
from seatrial.text import Text

_SEVERAL = 4


def _instances(contract: Contract) -> Iterator[Contract]:
    filled = False
    for place in needed(contract, "preprocess", "lookup"):
        now = option(calls_of(contract, "preprocess")[place], "pad")
        filled = filled or now is not None
        for other in contract.vocabulary[:_SEVERAL] if now is not None else ():
            if other != now:
                yield changed(contract, "preprocess", place, pad=other)
    for place in places(contract, "preprocess", "pad"):
        filled = True
        now = option(calls_of(contract, "preprocess")[place], "fill")
        for number in range(min(_SEVERAL, len(contract.vocabulary))):
            if number != now:
                yield changed(contract, "preprocess", place, fill=float(number))
    if not filled:
        raise NotApplicable("texts are not filled up")


FAULT = Fault(
    name="padding-token-wrong",
    title=Text("texts are filled up with another token", "文本用错误的词填充"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="vocabulary",
    needs=BASELINE,
)
