"""The mean was written where the deviation belongs, and the deviation where the mean belongs."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "normalize"):
        call = calls_of(contract, "preprocess")[place]
        mean, std = option(call, "mean"), option(call, "std")
        if mean == std:
            raise NotApplicable("mean and deviation are equal")
        if not all(mean):
            raise NotApplicable("the mean is 0, by which nothing can be divided")
        yield changed(contract, "preprocess", place, mean=std, std=mean)


FAULT = contract_fault(
    "mean-std-exchanged",
    Text("mean and deviation are exchanged", "均值与标准差互换"),
    _instances,
    cause="mean-std",
    number="F22",
    needs=BASELINE,
)
