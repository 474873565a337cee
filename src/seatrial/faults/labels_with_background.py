"""A background class was counted where the model has none, or was left out."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, class_labels, edited, with_names
from seatrial.text import Text

_NAME = "background"


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    if names[0].lower() in (_NAME, "_background_"):
        yield with_names(contract, "labels", (*names[1:], names[0]))
    else:
        yield with_names(contract, "labels", (_NAME, *names[:-1]))


FAULT = Fault(
    name="labels-with-background",
    title=Text("labels are off by one for a background class", "因背景类而整体错位一位"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
