"""The picture loses its colors on the way to a model that learned with them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, edited, inserted, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "decode_image"):
        color = option(calls_of(contract, "preprocess")[place], "color")
        if color == "GRAY":
            raise NotApplicable("the model takes gray images")
        gray = StepCall("color", {"source": color, "target": "GRAY"})
        back = StepCall("color", {"source": "GRAY", "target": color})
        yield inserted(contract, "preprocess", place + 1, gray, back)


FAULT = Fault(
    name="grayscale-for-color",
    title=Text("pictures are fed in gray", "彩色图像被转成灰度后送入"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="grayscale",
    needs=BASELINE,
)
