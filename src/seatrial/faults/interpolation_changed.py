"""The picture is resized with another interpolation than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, SIZED, calls_of, edited, needed, option, others
from seatrial.text import Text

_EVERY = ("nearest", "linear", "cubic", "area", "lanczos")
_ON_GRID = ("nearest", "linear")


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        call = calls_of(contract, "preprocess")[place]
        known = _EVERY if option(call, "library") in ("opencv", "pillow") else _ON_GRID
        yield from others(contract, "preprocess", place, "interpolation", known)


FAULT = Fault(
    name="interpolation-changed",
    title=Text("resized with another interpolation", "缩放使用了不同的插值方式"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="resize",
    needs=BASELINE,
)
