"""Fractions are cut off: numbers become integers somewhere on the way."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    calls_of,
    edited,
    exchanged,
    image_end,
    image_order,
    inserted,
    option,
    places,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    image_order(contract)  # integers have nothing to cut off
    cut = StepCall("cast", {"dtype": "int32"}), StepCall("cast", {"dtype": "float32"})
    yield inserted(contract, "preprocess", image_end(contract), *cut)
    for place in places(contract, "preprocess", "normalize"):
        call = calls_of(contract, "preprocess")[place]
        scale = option(call, "scale")
        if scale != 1:
            # The division by 255 happens in integers, before the mean is taken off.
            scaled = StepCall("normalize", {"scale": scale, "order": option(call, "order")})
            rest = StepCall("normalize", {**call.options, "scale": 1.0})
            yield exchanged(contract, "preprocess", place, scaled, *cut, rest)


FAULT = Fault(
    name="dtype-truncated",
    title=Text("numbers are cut to integers on the way", "数值在途中被截成整数"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="dtype",
    needs=BASELINE,
)
