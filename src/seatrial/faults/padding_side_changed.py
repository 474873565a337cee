"""The filling stands before the text where it stood behind, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option, places
from seatrial.text import Text

_OTHER = {"end": "start", "start": "end", "center": "start"}


def _instances(contract: Contract) -> Iterator[Contract]:
    filled = False
    for place in needed(contract, "preprocess", "lookup", "tokenize_bert"):
        call = calls_of(contract, "preprocess")[place]
        if option(call, "pad"):
            filled = True
            yield changed(contract, "preprocess", place, side=_OTHER[option(call, "side")])
    for place in places(contract, "preprocess", "pad"):
        filled = True
        now = option(calls_of(contract, "preprocess")[place], "where")
        yield changed(contract, "preprocess", place, where=_OTHER[now])
    if not filled:
        raise NotApplicable("texts are not filled up")


FAULT = Fault(
    name="padding-side-changed",
    title=Text("texts are filled up on the other side", "文本填充到了另一侧"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="padding-side",
    needs=BASELINE,
)
