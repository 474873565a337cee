"""The labels were sorted as text, as a folder listing does: 0, 1, 10, 2."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, class_labels, edited, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    if tuple(sorted(names)) == names:
        raise NotApplicable("the labels are in alphabetical order as they are")
    yield with_names(contract, "labels", sorted(names))


FAULT = Fault(
    name="labels-sorted",
    title=Text("labels are in alphabetical order, not in that of training", "标签被按字母顺序排序"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
