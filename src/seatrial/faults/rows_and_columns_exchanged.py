"""Height and width change places on the way in."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._pipeline import (
    BASELINE,
    calls_of,
    changed,
    contract_fault,
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


FAULT = contract_fault(
    "rows-and-columns-exchanged",
    Text("height and width are exchanged", "高与宽被对调"),
    _instances,
    cause="layout",
    number="F23",
    needs=BASELINE,
)
