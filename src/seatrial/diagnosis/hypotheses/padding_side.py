"""Texts are filled up before their tokens where training did it behind them, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, option
from seatrial.diagnosis.hypotheses._images import axes_at
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._texts import is_filled, takes_text, with_option
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "padding-side"
_CHINESE = {"end": "末尾", "start": "开头", "center": "两侧"}


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other sides, where texts are filled up at all."""
    look = look_at(case, setup)
    if setup.opaque or not takes_text(look):
        return []
    return worth(look, [*_ids(look), *_pads(look)])


def _made(look: Look, place: int, name: str, fed: str, right: str) -> Intervention:
    said = Text(
        f"Texts are filled up on the other side: the service fills the {fed}, training filled the {right}.",
        f"填充的一侧不同：服务填充在{_CHINESE[fed]}，训练时填充在{_CHINESE[right]}。",
    )
    prior = 1.5 if right != "center" else 0.2
    return Suspect(_NAME, look.setup, place).given(name, right, said, prior, name=f"{right}-at-{place}")


def _ids(look: Look) -> Iterator[Intervention]:
    for place, fed in with_option(look, "side"):
        if is_filled(look, place):
            yield _made(look, place, "side", str(fed), "start" if fed == "end" else "end")


def _pads(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "pad"):
        if not axes_at(look, place):
            fed = str(option(look.setup, place, "where"))
            for right in ("end", "start", "center"):
                if right != fed:
                    yield _made(look, place, "where", fed, right)


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("padding side", "填充方向"),
    question=Text("Are texts filled up on the side of training?", "文本填充的一侧与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="F24",
)
