"""What lies under transparent pixels is not what lay there in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "decode_image"):
        now = option(calls_of(contract, "preprocess")[place], "alpha")
        for other in ("drop", "white", "black"):
            if other != now:
                yield changed(contract, "preprocess", place, alpha=other)


FAULT = contract_fault(
    "alpha-flattened-otherwise",
    Text("transparent pixels get another background than in training", "透明像素的底色与训练时不同"),
    _instances,
    cause="alpha",
    number="F23",
    needs=BASELINE,
    rare=True,
)
