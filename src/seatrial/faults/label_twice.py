"""One name stands for two classes."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import class_labels, edited, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    for place, name in enumerate(names[:-1]):
        yield with_names(contract, "labels", (*names[: place + 1], name, *names[place + 2 :]))


FAULT = Fault(
    name="label-twice",
    title=Text("one label stands there twice", "同一个标签出现两次"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
)
