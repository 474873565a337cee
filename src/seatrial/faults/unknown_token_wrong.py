"""What is not in the vocabulary becomes another token than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    calls_of,
    changed,
    edited,
    needed,
    option,
    places,
    with_names,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    words = contract.vocabulary
    for place in places(contract, "preprocess", "lookup"):
        call = calls_of(contract, "preprocess")[place]
        now = option(call, "unknown")
        if now is None:
            raise NotApplicable("unknown tokens are refused")
        for other in dict.fromkeys([option(call, "pad"), *words[:3], words[-1]] if words else []):
            if other not in (None, now):
                yield changed(contract, "preprocess", place, unknown=other)
    if places(contract, "preprocess", "tokenize_bert") and {"[UNK]", "[PAD]"} <= set(words):
        names = {"[UNK]": "[PAD]", "[PAD]": "[UNK]"}
        yield with_names(contract, "vocabulary", [names.get(each, each) for each in words])
    needed(contract, "preprocess", "lookup", "tokenize_bert")


FAULT = Fault(
    name="unknown-token-wrong",
    title=Text("unknown words get the id of another token", "未登录词映射到了错误的编号"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="vocabulary",
    needs=BASELINE,
)
