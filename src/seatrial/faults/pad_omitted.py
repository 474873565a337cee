"""The picture is not padded to the size that the model was trained with."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, exchanged, image_pads
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in image_pads(contract):
        yield exchanged(contract, "preprocess", place)


FAULT = Fault(
    name="pad-omitted",
    title=Text("the picture is not padded", "图像没有填充"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
