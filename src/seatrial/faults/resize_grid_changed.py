"""Pixels are sampled at their corners, not in their middles (`align_corners`, half-pixel)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, SIZED, calls_of, edited, needed, option, others
from seatrial.text import Text

_GRIDS = ("align_corners", "asymmetric")


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        call = calls_of(contract, "preprocess")[place]
        if option(call, "interpolation") not in ("nearest", "linear"):
            raise NotApplicable("only nearest and linear are sampled on another grid")
        yield from others(contract, "preprocess", place, "library", _GRIDS)


FAULT = Fault(
    name="resize-grid-changed",
    title=Text("resized without the half-pixel offset", "缩放时缺少半像素偏移"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="resize",
    needs=BASELINE,
)
