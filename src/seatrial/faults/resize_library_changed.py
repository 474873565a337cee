"""Pillow filters when it shrinks (antialias) and OpenCV does not: the model wants the one it knows."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, SIZED, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text

_OTHER = {"opencv": "pillow", "pillow": "opencv"}


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        now = option(calls_of(contract, "preprocess")[place], "library")
        yield changed(contract, "preprocess", place, library=_OTHER.get(now, "opencv"))


FAULT = contract_fault(
    "resize-library-changed",
    Text("resized by another library: with or without antialias", "换了图像库缩放：是否抗锯齿不一致"),
    _instances,
    cause="resize",
    number="F23",
    needs=BASELINE,
)
