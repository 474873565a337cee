"""One token is gone from the vocabulary, and all after it have moved up (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, contract_fault, leading_specials, with_names
from seatrial.text import Text

_PLACES = 8


def _instances(contract: Contract) -> Iterator[Contract]:
    first = leading_specials(contract)
    words = contract.vocabulary
    if len(words) - first < 2:
        raise NotApplicable("the vocabulary has no token to lose")
    for place in range(first, len(words) - 1, max(1, (len(words) - first) // _PLACES)):
        yield with_names(contract, "vocabulary", (*words[:place], *words[place + 1 :]))


FAULT = contract_fault(
    "vocabulary-word-missing",
    Text("one token is missing from the vocabulary", "词表缺少一个词"),
    _instances,
    cause="vocabulary",
    number="F24",
    needs=BASELINE,
)
