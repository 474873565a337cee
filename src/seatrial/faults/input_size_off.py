"""The picture comes in another size than the model was trained and tuned with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, SIZED, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *SIZED):
        call = calls_of(contract, "preprocess")[place]
        for options in _OTHERS[call.name](call):
            yield changed(contract, "preprocess", place, **options)


def _widths(call: StepCall) -> Iterator[dict[str, Any]]:
    """The line may not grow beyond the standard width: long lines are pressed (PaddleOCR #11644)."""
    widest, base = option(call, "max_width"), option(call, "base_width")
    if base and (widest is None or widest > base):
        yield {"max_width": base}
        yield {"max_width": base // 2}
    elif widest:
        yield {"max_width": widest // 2}
    yield {"height": option(call, "height") * 2 // 3}


def _sides(call: StepCall) -> Iterator[dict[str, Any]]:
    for part in (1 / 2, 2 / 3, 3 / 2):
        yield {"side": max(32, round(option(call, "side") * part / 32) * 32)}


def _sizes(call: StepCall) -> Iterator[dict[str, Any]]:
    size = option(call, "size")
    for part in (2 / 3, 8 / 7, 3 / 2):
        whole = isinstance(size, int)
        yield {"size": round(size * part) if whole else tuple(round(each * part) for each in size)}


_OTHERS = {
    "resize": _sizes,
    "resize_long": _sizes,
    "resize_short": _sizes,
    "resize_limit": _sides,
    "resize_width": _widths,
}

FAULT = Fault(
    name="input-size-off",
    title=Text("pictures are resized to another size than in training", "图像缩放的目标尺寸与训练时不同"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
