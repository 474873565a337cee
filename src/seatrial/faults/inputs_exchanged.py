"""Two inputs of one shape get each other's numbers: ids where token types belong."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, option, places
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in places(contract, "preprocess", "tokenize_bert"):
        call = calls_of(contract, "preprocess")[place]
        for other in ("types", "mask"):
            if option(call, other) is not None:
                names = {"ids": option(call, other), other: option(call, "ids")}
                yield changed(contract, "preprocess", place, **names)
    for place in places(contract, "preprocess", "feed"):
        fed = dict(option(calls_of(contract, "preprocess")[place], "inputs"))
        for one, other in zip(list(fed), list(fed)[1:], strict=False):
            yield changed(contract, "preprocess", place, inputs={**fed, one: fed[other], other: fed[one]})
    if len(contract.inputs) < 2:
        raise NotApplicable("the model takes one input")


FAULT = Fault(
    name="inputs-exchanged",
    title=Text("two inputs are exchanged", "两个输入互换"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    needs=BASELINE,
)
