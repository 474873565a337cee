"""Two classes have each other's name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, class_labels, edited, with_names
from seatrial.text import Text

_PAIRS = 60


def _instances(contract: Contract) -> Iterator[Contract]:
    names = class_labels(contract)
    for one, other in list(combinations(range(len(names)), 2))[:_PAIRS]:
        swapped = list(names)
        swapped[one], swapped[other] = names[other], names[one]
        yield with_names(contract, "labels", swapped)


FAULT = Fault(
    name="labels-exchanged",
    title=Text("two labels are exchanged", "两个标签互换"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
