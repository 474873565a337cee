"""Full-width letters and composed characters are no longer folded as in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    TEXTS,
    calls_of,
    changed,
    edited,
    needed,
    option,
    others,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        if option(calls_of(contract, "preprocess")[place], "form") is None:
            raise NotApplicable("the text is not normalized")
        yield changed(contract, "preprocess", place, form=None)
        yield from others(contract, "preprocess", place, "form", ("NFC", "NFD"))


FAULT = Fault(
    name="unicode-form-lost",
    title=Text("full-width characters are no longer folded", "不再做全角转半角（Unicode 规范化丢失）"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="unicode-form",
    needs=BASELINE,
)
