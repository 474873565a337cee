"""The scores are taken for probabilities as they leave the model."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, contract_fault, exchanged, needed
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "softmax", "sigmoid"):
        yield exchanged(contract, "postprocess", place)


FAULT = contract_fault(
    "softmax-missing",
    Text("softmax is missing after the model", "缺少 softmax"),
    _instances,
    cause="softmax",
    number="F25",
    needs=BASELINE,
    refusal=True,
)
