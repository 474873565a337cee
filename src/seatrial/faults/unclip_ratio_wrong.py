"""Text boxes are not grown back as far as the model shrank them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", "db_boxes"):
        now = option(calls_of(contract, "postprocess")[place], "unclip_ratio")
        for factor in (0.3, 2.5):
            yield changed(contract, "postprocess", place, unclip_ratio=round(now * factor, 3))


FAULT = Fault(
    name="unclip-ratio-wrong",
    title=Text("text boxes are grown by another ratio", "文本框扩张比例（unclip_ratio）不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="decoding",
    needs=BASELINE,
)
