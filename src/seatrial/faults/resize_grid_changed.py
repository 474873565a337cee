"""Pixels are sampled at their corners, not in their middles (`align_corners`, half-pixel)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, SIZED, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text

_GRIDS = ("align_corners", "asymmetric")


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        call = calls_of(contract, "preprocess")[place]
        if option(call, "interpolation") not in ("nearest", "linear"):
            raise NotApplicable("only nearest and linear are sampled on another grid")
        for grid in _GRIDS:
            if grid != option(call, "library"):
                yield changed(contract, "preprocess", place, library=grid)


FAULT = contract_fault(
    "resize-grid-changed",
    Text("resized without the half-pixel offset", "缩放时缺少半像素偏移"),
    _instances,
    cause="resize",
    number="F23",
    needs=BASELINE,
)
