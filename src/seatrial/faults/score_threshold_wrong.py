"""Yes begins at another probability than the one that was tuned."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, needed, option
from seatrial.text import Text

_OPTIONS = {"threshold": "at", "detection_rows": "score", "nms": "score", "db_boxes": "box_thresh"}


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "postprocess", *_OPTIONS):
        call = calls_of(contract, "postprocess")[place]
        name = _OPTIONS[call.name]
        # Of boxes only too high a bound is a loss: too low a one adds weak boxes that rank last.
        for other in (0.05, 0.95) if call.name == "threshold" else (0.9, 0.97):
            if abs(other - option(call, name)) > 0.15:
                yield changed(contract, "postprocess", place, **{name: other})


FAULT = Fault(
    name="score-threshold-wrong",
    title=Text("the score threshold is another one", "分数阈值不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F25",
    cause="threshold",
    needs=BASELINE,
)
