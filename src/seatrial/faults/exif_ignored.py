"""Photos that the camera held sideways stay so, or are turned where training left them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, edited, needed, others
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "decode_image"):
        yield from others(contract, "preprocess", place, "exif", (True, False))


FAULT = Fault(
    name="exif-ignored",
    title=Text(
        "the orientation in EXIF is handled otherwise than in training", "EXIF 方向的处理与训练时不同"
    ),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances, rare=True),
    number="F23",
    cause="orientation",
    needs=BASELINE,
)
