"""The dictionary of a text recognizer lost or gained a line: every character becomes its neighbor."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, dictionary, edited, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names, _ = dictionary(contract)
    yield with_names(contract, "labels", (*names[1:], ""))
    yield with_names(contract, "labels", ("", *names[:-1]))
    yield with_names(contract, "labels", (*names[:10], *names[11:], ""))


FAULT = Fault(
    name="dictionary-off-by-one-line",
    title=Text("the dictionary is off by one line", "字典错位一行"),
    kind="labels",
    checks=frozenset({"interface"}),
    make=edited(_instances),
    number="F21",
    cause="label-map",
    needs=BASELINE,
)
