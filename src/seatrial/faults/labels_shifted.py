"""Every class has the name of its neighbor."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, class_labels, edited, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    yield with_names(contract, "labels", (*names[1:], names[0]))
    yield with_names(contract, "labels", (names[-1], *names[:-1]))


FAULT = Fault(
    name="labels-shifted",
    title=Text("the label map is shifted by one", "标签表整体错位一位"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
