"""The channels came in another order: BGR where the model learned RGB, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_OTHER = {"RGB": "BGR", "BGR": "RGB"}


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """The other order, wherever a step decides it."""
    for place in setup.places("preprocess", "decode_image"):
        fed = str(setup.calls("preprocess")[place].options.get("color", "RGB"))
        if fed in _OTHER:
            right = _OTHER[fed]
            yield Intervention(
                hypothesis="channel-order",
                name=f"{fed}-to-{right}".lower(),
                setup=setup.with_options("preprocess", place, color=right),
                said=Text(
                    f"Channels are swapped: the service feeds {fed}, training used {right}.",
                    f"通道顺序颠倒：服务送入的是 {fed}，训练时用的是 {right}。",
                ),
                fix=Text(f"set color: {right} in decode_image", f"把 decode_image 的 color 改为 {right}"),
                prior=3.0,
                place=("preprocess", place),
            )


HYPOTHESIS = Hypothesis(
    name="channel-order",
    title=Text("channel order", "通道顺序"),
    question=Text("Are red and blue exchanged?", "红蓝通道是否对调？"),
    stage="decoded",
    propose=propose,
    source="PaddleOCR #11551, PaddleClas #1633",
)
