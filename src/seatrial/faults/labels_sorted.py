"""The labels were sorted as text, as a folder listing does: 0, 1, 10, 2."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, class_labels, contract_fault, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    if tuple(sorted(names)) == names:
        raise NotApplicable("the labels are in alphabetical order as they are")
    yield with_names(contract, "labels", sorted(names))


FAULT = contract_fault(
    "labels-sorted",
    Text("labels are in alphabetical order, not in that of training", "标签被按字母顺序排序"),
    _instances,
    cause="label-map",
    number="F21",
    kind="labels",
    checks=("interface",),
    needs=BASELINE,
)
