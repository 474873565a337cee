"""The answer is made of another output of the model."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "select"):
        yield from others(contract, "postprocess", place, "output", range(len(contract.outputs)))


FAULT = Fault(
    name="output-mistaken",
    title=Text("the answer is made of another output", "取错了模型输出"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances, refusal=True),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
