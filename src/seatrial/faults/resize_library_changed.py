"""Pillow filters when it shrinks (antialias) and OpenCV does not: the model wants the one it knows."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, SIZED, calls_of, changed, edited, needed, option
from seatrial.text import Text

_OTHER = {"opencv": "pillow", "pillow": "opencv"}


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        now = option(calls_of(contract, "preprocess")[place], "library")
        yield changed(contract, "preprocess", place, library=_OTHER.get(now, "opencv"))


FAULT = Fault(
    name="resize-library-changed",
    title=Text("resized by another library: with or without antialias", "换了图像库缩放：是否抗锯齿不一致"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="resize",
    needs=BASELINE,
)
