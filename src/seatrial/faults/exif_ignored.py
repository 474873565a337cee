"""Photos that the camera held sideways stay so, or are turned where training left them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "decode_image"):
        upright = option(calls_of(contract, "preprocess")[place], "exif")
        yield changed(contract, "preprocess", place, exif=not upright)


FAULT = contract_fault(
    "exif-ignored",
    Text("the orientation in EXIF is handled otherwise than in training", "EXIF 方向的处理与训练时不同"),
    _instances,
    cause="orientation",
    number="F23",
    needs=BASELINE,
    rare=True,
)
