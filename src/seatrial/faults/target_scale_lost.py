"""The scaling of a regression's target is not undone."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "number"):
        call = calls_of(contract, "postprocess")[place]
        if option(call, "scale") == 1 and option(call, "offset") == 0:
            raise NotApplicable("the target was not scaled")
        yield changed(contract, "postprocess", place, scale=None, offset=None)


FAULT = Fault(
    name="target-scale-lost",
    title=Text("the scaling of the target is not undone", "没有还原回归目标的缩放"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
