"""The space, which the model writes with its last class, is read as nothing."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    calls_of,
    changed,
    dictionary,
    edited,
    option,
    with_names,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names, place = dictionary(contract)
    if not option(calls_of(contract, "postprocess")[place], "space"):
        raise NotApplicable("the model writes no space")
    without = with_names(contract, "labels", (*names, ""))
    yield changed(without, "postprocess", place, space=False)


FAULT = Fault(
    name="dictionary-without-space",
    title=Text("the dictionary is used without its space", "字典没有加上空格字符"),
    kind="labels",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
