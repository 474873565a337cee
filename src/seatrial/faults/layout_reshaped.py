"""Pixels by row are read as planes by channel: reshaped where they had to be transposed."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, edited, exchanged, needed, option, places
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "transpose"):
        if option(calls_of(contract, "preprocess")[place], "order") != (2, 0, 1):
            raise NotApplicable("the channels are not brought to the front")
        shape = [each if isinstance(each, int) else -1 for each in contract.inputs[0].shape[1:]]
        if len(shape) != 3 or shape.count(-1) > 1:
            raise NotApplicable("height and width are free, so that no reshape can be written down")
        if any(each > place for each in places(contract, "preprocess", "pad")):
            shape[-1] = -1  # the padding comes later
        yield exchanged(contract, "preprocess", place, StepCall("reshape", {"shape": shape}))


FAULT = Fault(
    name="layout-reshaped",
    title=Text(
        "height-width-channel is reshaped, not transposed, to channel-height-width",
        "HWC 直接 reshape 成 CHW 而未转置",
    ),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="layout",
    needs=BASELINE,
)
