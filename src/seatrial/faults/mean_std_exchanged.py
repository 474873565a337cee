"""The mean was written where the deviation belongs, and the deviation where the mean belongs."""

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
        if mean == std:
            raise NotApplicable("mean and deviation are equal")
        if not all(mean):
            raise NotApplicable("the mean is 0, by which nothing can be divided")
        yield changed(contract, "preprocess", place, mean=std, std=mean)


FAULT = Fault(
    name="mean-std-exchanged",
    title=Text("mean and deviation are exchanged", "均值与标准差互换"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F22",
    cause="mean-std",
    needs=BASELINE,
)
