"""The rim of the picture is cut off, as training of another model did, and the middle enlarged."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, edited, inserted, needed, option
from seatrial.text import Text

_PARTS = (0.875, 0.75)


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "resize"):
        call = calls_of(contract, "preprocess")[place]
        if option(call, "keep_ratio"):
            raise NotApplicable("the ratio is kept, so that the size to cut is not known")
        for part in _PARTS:
            window = [max(1, round(side * part)) for side in option(call, "size")]
            yield inserted(contract, "preprocess", place + 1, StepCall("crop", {"size": window}), call)


FAULT = Fault(
    name="center-crop-added",
    title=Text("the rim of the picture is cut off, unlike in training", "多做了一次中心裁剪，图像边缘丢失"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
