"""The dictionary of a text recognizer lost or gained a line: every character becomes its neighbor."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, contract_fault, dictionary, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    names, _ = dictionary(contract)
    yield with_names(contract, "labels", (*names[1:], ""))
    yield with_names(contract, "labels", ("", *names[:-1]))
    yield with_names(contract, "labels", (*names[:10], *names[11:], ""))


FAULT = contract_fault(
    "dictionary-off-by-one-line",
    Text("the dictionary is off by one line", "字典错位一行"),
    _instances,
    cause="label-map",
    number="F21",
    kind="labels",
    checks=("interface",),
    needs=BASELINE,
)
