"""The largest score is looked for along another axis than that of the classes."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    ranks = [len(spec.shape) - 1 for spec in contract.outputs]
    for place in needed(contract, "postprocess", "argmax", "softmax"):
        now = option(calls_of(contract, "postprocess")[place], "axis") % ranks[0]
        if ranks[0] < 2:
            raise NotApplicable("the output has one axis")
        for other in range(ranks[0]):
            if other != now:
                yield changed(contract, "postprocess", place, axis=other)


FAULT = Fault(
    name="argmax-axis-wrong",
    title=Text("the classes are looked for along another axis", "在错误的轴上取最大值"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances, refusal=True),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
