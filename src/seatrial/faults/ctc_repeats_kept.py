"""A character that lasts for two steps is written twice."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "ctc_decode"):
        now = option(calls_of(contract, "postprocess")[place], "merge")
        yield changed(contract, "postprocess", place, merge=not now)


FAULT = contract_fault(
    "ctc-repeats-kept",
    Text("repeats of the CTC head are not merged", "CTC 解码没有合并重复字符"),
    _instances,
    cause="decoding",
    number="F25",
    needs=BASELINE,
)
