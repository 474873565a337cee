"""Text boxes are not grown back as far as the model shrank them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._pipeline import BASELINE, calls_of, changed, contract_fault, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "db_boxes"):
        now = option(calls_of(contract, "postprocess")[place], "unclip_ratio")
        for factor in (0.3, 2.5):
            yield changed(contract, "postprocess", place, unclip_ratio=round(now * factor, 3))


FAULT = contract_fault(
    "unclip-ratio-wrong",
    Text("text boxes are grown by another ratio", "文本框扩张比例（unclip_ratio）不对"),
    _instances,
    cause="decoding",
    number="F25",
    needs=BASELINE,
)
