"""Pixels that are scaled to 0 to 1 already are divided by 255 once more."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    calls_of,
    changed,
    edited,
    image_end,
    image_order,
    inserted,
    option,
    places,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    found = places(contract, "preprocess", "normalize")
    for place in found:
        scale = option(calls_of(contract, "preprocess")[place], "scale")
        if scale != 1:
            yield changed(contract, "preprocess", place, scale=scale * scale)
    if not found:
        again = StepCall("normalize", {"scale": 1 / 255, "order": image_order(contract)})
        yield inserted(contract, "preprocess", image_end(contract), again)


FAULT = Fault(
    name="scaling-twice",
    title=Text("pixels are divided by 255 twice", "像素值被两次除以 255"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="scaling",
    needs=BASELINE,
)
