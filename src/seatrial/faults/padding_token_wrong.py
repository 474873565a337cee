"""Texts are filled up with the id of another token than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, edited, needed, option, others, places
from seatrial.text import Text

_SEVERAL = 4


def _instances(contract: Contract) -> Iterator[Contract]:
    filled = False
    for place in needed(contract, "preprocess", "lookup"):
        if option(calls_of(contract, "preprocess")[place], "pad") is not None:
            filled = True
            yield from others(contract, "preprocess", place, "pad", contract.vocabulary[:_SEVERAL])
    for place in places(contract, "preprocess", "pad"):
        filled = True
        ids = [float(number) for number in range(min(_SEVERAL, len(contract.vocabulary)))]
        yield from others(contract, "preprocess", place, "fill", ids)
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
