"""The picture comes as BGR where the model learned RGB, or the other way round (PaddleOCR #11551)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    calls_of,
    changed,
    edited,
    inserted,
    needed,
    option,
)
from seatrial.text import Text

_OTHER = {"RGB": "BGR", "BGR": "RGB"}


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "decode_image"):
        color = option(calls_of(contract, "preprocess")[place], "color")
        if color not in _OTHER:
            raise NotApplicable("the model takes gray images")
        yield changed(contract, "preprocess", place, color=_OTHER[color])
        # Samples that come as pixels are taken as they are: there only a step of its own turns them.
        turn = StepCall("color", {"source": color, "target": _OTHER[color]})
        yield inserted(contract, "preprocess", place + 1, turn)


FAULT = Fault(
    name="channels-swapped",
    title=Text("red and blue are exchanged", "红蓝通道对调"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="channel-order",
    needs=BASELINE,
)
