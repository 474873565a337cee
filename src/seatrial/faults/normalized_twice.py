"""The graph or the client normalizes already, and the pipeline does it again."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, edited, inserted, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "normalize"):
        call = calls_of(contract, "preprocess")[place]
        if set(option(call, "mean")) == {0.0} and set(option(call, "std")) == {1.0}:
            raise NotApplicable("mean 0 and deviation 1 change nothing the second time")
        again = StepCall("normalize", {**call.options, "scale": 1.0})
        yield inserted(contract, "preprocess", place + 1, again)


FAULT = Fault(
    name="normalized-twice",
    title=Text("mean and deviation are applied twice", "均值与标准差被应用了两次"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F22",
    cause="mean-std",
    needs=BASELINE,
)
