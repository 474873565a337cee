"""The picture is not padded to the size that the model was trained with."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, contract_fault, exchanged, image_pads
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in image_pads(contract):
        yield exchanged(contract, "preprocess", place)


FAULT = contract_fault(
    "pad-omitted",
    Text("the picture is not padded", "图像没有填充"),
    _instances,
    cause="geometry",
    number="F23",
    needs=BASELINE,
)
