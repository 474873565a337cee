"""Full-width letters are folded or accents are taken apart, which training did not do."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, TEXTS, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        if option(calls_of(contract, "preprocess")[place], "form") is not None:
            raise NotApplicable("the text is normalized already")
        for form in ("NFKC", "NFD"):
            yield changed(contract, "preprocess", place, form=form)


FAULT = Fault(
    name="unicode-form-added",
    title=Text("characters are folded that training kept apart", "多做了一次 Unicode 规范化，与训练时不同"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="unicode-form",
    needs=BASELINE,
)
