"""A model that takes ids and token types is given the ids alone."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import SEEN_BY, calls_of, edited, exchanged, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "tokenize_bert"):
        call = calls_of(contract, "preprocess")[place]
        if option(call, "types") is None:
            raise NotApplicable("the model takes no token types")
        # `None` would take the option away and bring its default back.
        yield exchanged(contract, "preprocess", place, StepCall(call.name, {**call.options, "types": None}))


FAULT = Fault(
    name="token-types-missing",
    title=Text("the input for token types is not fed", "没有送入 token_type_ids"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances, refusal=True),
    number="F24",
)
