"""The scaling of a regression's target is not undone."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "number"):
        call = calls_of(contract, "postprocess")[place]
        if option(call, "scale") == 1 and option(call, "offset") == 0:
            raise NotApplicable("the target was not scaled")
        yield changed(contract, "postprocess", place, scale=None, offset=None)


FAULT = contract_fault(
    "target-scale-lost",
    Text("the scaling of the target is not undone", "没有还原回归目标的缩放"),
    _instances,
    cause="decoding",
    number="F25",
    needs=BASELINE,
)
