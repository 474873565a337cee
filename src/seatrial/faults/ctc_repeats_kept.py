"""A character that lasts for two steps is written twice."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "ctc_decode"):
        yield from others(contract, "postprocess", place, "merge", (True, False))


FAULT = Fault(
    name="ctc-repeats-kept",
    title=Text("repeats of the CTC head are not merged", "CTC 解码没有合并重复字符"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
