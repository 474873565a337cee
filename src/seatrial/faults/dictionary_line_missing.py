"""The dictionary has a line less than the model has characters."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import dictionary, edited, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names, _ = dictionary(contract)
    for place in (0, len(names) // 2, len(names) - 1):
        yield with_names(contract, "labels", (*names[:place], *names[place + 1 :]))


FAULT = Fault(
    name="dictionary-line-missing",
    title=Text("a line of the dictionary is missing", "字典少了一行"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances, refusal=True),
    number="F21",
    cause="label-map",
)
