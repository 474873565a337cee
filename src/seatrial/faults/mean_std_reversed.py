"""Mean and deviation stand in the order of the other channel order."""

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
        if (mean, std) == (mean[::-1], std[::-1]):
            raise NotApplicable("the channels have the same mean and deviation")
        yield changed(contract, "preprocess", place, mean=mean[::-1], std=std[::-1])


FAULT = contract_fault(
    "mean-std-reversed",
    Text("mean and deviation are given in reverse channel order", "均值与标准差的通道顺序写反"),
    _instances,
    cause="mean-std",
    number="F22",
    needs=BASELINE,
)
