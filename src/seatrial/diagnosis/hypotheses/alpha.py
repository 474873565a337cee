"""Transparent pixels: dropped, or laid on white or black, otherwise than in training."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, option
from seatrial.diagnosis.hypotheses._images import takes
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import on, redrawn, sent_as
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "alpha"
_ENGLISH = {"drop": "dropped the alpha channel", "white": "laid them on white", "black": "laid them on black"}
_PRESENT = {"drop": "drops the alpha channel", "white": "lays them on white", "black": "lays them on black"}
_CHINESE = {"drop": "直接丢弃透明通道", "white": "叠加在白底上", "black": "叠加在黑底上"}


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other ways to treat transparency, when a sample has it."""
    look = look_at(case, setup)
    if not takes(look, "alpha"):
        return []
    return list(_service(look)) if setup.opaque else worth(look, _decoder(look))


def _decoder(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "decode_image"):
        fed = str(option(look.setup, place, "alpha"))
        for right in ("white", "black", "drop"):
            if right != fed:
                said = Text(
                    f"Transparent pixels differ: the service {_PRESENT[fed]}, training {_ENGLISH[right]}.",
                    f"透明像素的处理不同：服务{_CHINESE[fed]}，训练时{_CHINESE[right]}。",
                )
                prior = 2.0 if right == "white" else 1.5
                yield Suspect(_NAME, look.setup, place).given("alpha", right, said, prior)


def _service(look: Look) -> Iterator[Intervention]:
    for right in ("white", "black"):
        yield Intervention(
            _NAME,
            f"service-{right}",
            sent_as(look.setup, redrawn(on(right))),
            Text(
                f"Transparent pixels differ: training {_ENGLISH[right]}, the service does not.",
                f"透明像素的处理不同：训练时{_CHINESE[right]}，服务没有这样做。",
            ),
            Text(
                f"lay transparent pictures on {right} where the service decodes them",
                f"在服务解码图片的地方，把透明图片{_CHINESE[right]}",
            ),
            1.5,
        )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("transparency", "透明通道"),
    question=Text("What lies under transparent pixels?", "透明像素下面是什么颜色？"),
    stage="decoded",
    propose=propose,
    source="PaddleClas #1633",
)
