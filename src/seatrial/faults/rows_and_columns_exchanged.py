"""Height and width change places on the way in."""

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
    found = places(contract, "preprocess", "transpose")
    for place in found:
        order = option(calls_of(contract, "preprocess")[place], "order")
        if order == (2, 0, 1):
            yield changed(contract, "preprocess", place, order=(2, 1, 0))
    if not found:
        order = (0, 2, 1) if image_order(contract) == "CHW" else (1, 0, 2)
        yield inserted(contract, "preprocess", image_end(contract), StepCall("transpose", {"order": order}))


FAULT = Fault(
    name="rows-and-columns-exchanged",
    title=Text("height and width are exchanged", "高与宽被对调"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="layout",
    needs=BASELINE,
)
