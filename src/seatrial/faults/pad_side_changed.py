"""The padding of the picture lies on another side than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, image_pads, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in image_pads(contract):
        yield from others(contract, "preprocess", place, "where", ("end", "center", "start"))


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
