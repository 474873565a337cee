"""The padding of the picture lies on another side than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, image_pads, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in image_pads(contract):
        now = option(calls_of(contract, "preprocess")[place], "where")
        for other in ("end", "center", "start"):
            if other != now:
                yield changed(contract, "preprocess", place, where=other)


FAULT = Fault(
    name="pad-side-changed",
    title=Text("the picture is padded on another side", "图像填充的位置不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
