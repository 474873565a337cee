"""Mean and deviation stand in the order of the other channel order."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "normalize"):
        call = calls_of(contract, "preprocess")[place]
        mean, std = option(call, "mean"), option(call, "std")
        if (mean, std) == (mean[::-1], std[::-1]):
            raise NotApplicable("the channels have the same mean and deviation")
        yield changed(contract, "preprocess", place, mean=mean[::-1], std=std[::-1])


FAULT = Fault(
    name="mean-std-reversed",
    title=Text("mean and deviation are given in reverse channel order", "均值与标准差的通道顺序写反"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F22",
    cause="mean-std",
    needs=BASELINE,
)
