"""Every token has the id of its neighbor: a line more or less at the top of the vocabulary (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, leading_specials, with_names
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    first = leading_specials(contract)
    words = contract.vocabulary
    blank = "" if "" not in words else "<blank>"
    yield with_names(contract, "vocabulary", (blank, *words[:-1]))
    yield with_names(contract, "vocabulary", (*words[:first], blank, *words[first:-1]))
    yield with_names(contract, "vocabulary", (*words[:first], *words[first + 1 :], blank))


FAULT = Fault(
    name="vocabulary-shifted",
    title=Text("the vocabulary is shifted by one", "词表整体错位一行"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="vocabulary",
    needs=BASELINE,
)
