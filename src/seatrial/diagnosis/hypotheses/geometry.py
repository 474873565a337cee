"""The picture is cut, stretched or padded otherwise than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._framing import framings
from seatrial.diagnosis.hypotheses._look import look_at, worth
from seatrial.diagnosis.hypotheses._padding import paddings
from seatrial.diagnosis.hypotheses._sizes import sizes
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Other sizes, framings and paddings; what the shape of the model's input refuses is left out."""
    if setup.opaque:
        return []
    look = look_at(case, setup)

    def every() -> Iterator[Intervention]:
        yield from framings(look)
        yield from paddings(look)
        yield from sizes(look)

    return worth(look, every(), most=16)


HYPOTHESIS = Hypothesis(
    name="geometry",
    title=Text("size and framing", "尺寸与取景"),
    question=Text(
        "Is the picture cut, stretched and padded as in training?", "图片的裁剪、拉伸和填充与训练时一致吗？"
    ),
    stage="preprocessed",
    propose=propose,
    source="PaddleOCR #15141, PaddleDetection #2586",
)
