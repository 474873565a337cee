"""White space is a token where training left it out, or is left out where it was one."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "tokenize_chars"):
        yield from others(contract, "preprocess", place, "spaces", (True, False))


FAULT = Fault(
    name="spaces-changed",
    title=Text("white space is handled otherwise than in training", "空白字符的处理与训练时不同"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="token-unit",
    needs=BASELINE,
)
