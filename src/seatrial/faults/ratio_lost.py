"""The picture is stretched where training kept its ratio."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    SIZED,
    calls_of,
    edited,
    exchanged,
    needed,
    option,
    places,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        size = _stretched(contract, place)
        if size is None:
            raise NotApplicable("the ratio is not kept, or a center crop follows")
        call = calls_of(contract, "preprocess")[place]
        kept = {name: call.options[name] for name in ("interpolation", "library") if name in call.options}
        yield exchanged(contract, "preprocess", place, StepCall("resize", {"size": size, **kept}))


def _stretched(contract: Contract, place: int) -> tuple[int, int] | None:
    """The size that a picture of every ratio is pressed into; None where the ratio was never kept."""
    call = calls_of(contract, "preprocess")[place]
    if call.name == "resize":
        return option(call, "size") if option(call, "keep_ratio") else None
    if call.name == "resize_width":
        width = option(call, "base_width") or option(call, "max_width")
        return (option(call, "height"), width) if width else None
    if call.name == "resize_limit":
        multiple = option(call, "multiple")
        side = max(1, option(call, "side") // multiple) * multiple
        return side, side
    if call.name == "resize_short" and places(contract, "preprocess", "crop"):
        return None  # a center crop that is lost is a fault of its own
    return option(call, "size"), option(call, "size")


FAULT = Fault(
    name="ratio-lost",
    title=Text("pictures are stretched: their ratio is lost", "图像被拉伸，长宽比丢失"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
