"""What lies under transparent pixels is not what lay there in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "decode_image"):
        yield from others(contract, "preprocess", place, "alpha", ("drop", "white", "black"))


FAULT = Fault(
    name="alpha-flattened-otherwise",
    title=Text("transparent pixels get another background than in training", "透明像素的底色与训练时不同"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances, rare=True),
    number="F23",
    cause="alpha",
    needs=BASELINE,
)
