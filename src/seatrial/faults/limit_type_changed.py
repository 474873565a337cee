"""The limit holds for the other side of the picture (PaddleOCR `limit_type`)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "resize_limit"):
        yield from others(contract, "preprocess", place, "limit", ("max", "min", "long"))


FAULT = Fault(
    name="limit-type-changed",
    title=Text("the size limit holds for the other side of the picture", "尺寸限制用错了边（limit_type）"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
