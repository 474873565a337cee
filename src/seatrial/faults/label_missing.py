"""One class has lost its name, and the names after it have moved up."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import class_labels, edited, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    for place in range(len(names)):
        yield with_names(contract, "labels", (*names[:place], *names[place + 1 :]))


FAULT = Fault(
    name="label-missing",
    title=Text("one label is missing", "标签表缺少一个标签"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances, refusal=True),
    number="F21",
    cause="label-map",
)
