"""The scores are taken for probabilities as they leave the model."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, exchanged, needed
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "softmax", "sigmoid"):
        yield exchanged(contract, "postprocess", place)


FAULT = Fault(
    name="softmax-missing",
    title=Text("softmax is missing after the model", "缺少 softmax"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances, refusal=True),
    number="F25",
    cause="softmax",
    needs=BASELINE,
)
