"""One token is gone from the vocabulary, and all after it have moved up (F24)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, leading_specials, with_names
from seatrial.text import Text

_PLACES = 8


def _instances(contract: Contract) -> Iterator[Contract]:
    first = leading_specials(contract)
    words = contract.vocabulary
    if len(words) - first < 2:
        raise NotApplicable("the vocabulary has no token to lose")
    # In the first quarter: lists are often sorted by how common a token is, and the last are never met.
    last = first + max(1, (len(words) - first) // 4)
    for place in range(first, last, max(1, (last - first) // _PLACES)):
        yield with_names(contract, "vocabulary", (*words[:place], *words[place + 1 :]))


FAULT = Fault(
    name="vocabulary-word-missing",
    title=Text("one token is missing from the vocabulary", "词表缺少一个词"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="vocabulary",
    needs=BASELINE,
)
