"""Capital letters are folded where training kept them, or kept where it folded them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, written
from seatrial.diagnosis.hypotheses._images import takes
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import rewritten, sent_as
from seatrial.diagnosis.hypotheses._texts import with_option
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "casing"
_LOST = Text(
    "Lower-casing is missing: the service feeds capital letters as they are, training folded them.",
    "缺少小写转换：服务保留大写字母，训练时统一转为小写。",
)
_ADDED = Text(
    "The service folds capital letters; training kept them.", "服务把大写字母转成小写，训练时保留大小写。"
)


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other way to treat capitals, when a sample has some."""
    look = look_at(case, setup)
    if setup.opaque:
        return list(_service(look)) if takes(look, "upper") else []
    return worth(look, _tokenizer(look))


def _tokenizer(look: Look) -> Iterator[Intervention]:
    for place, lower in with_option(look, "lower"):
        said, prior = _ADDED if lower else _LOST, 2.0 * _known_share(look, folded=not lower)
        name = f"lower-{written(not lower)}-at-{place}"
        yield Suspect(_NAME, look.setup, place).given("lower", not lower, said, prior, name=name)


def _known_share(look: Look, *, folded: bool) -> float:
    """Odds from the vocabulary: without a capital in it nothing was learned of capitals."""
    words = [word for word in look.setup.contract.vocabulary if word[:1] not in "[<"]
    capitals = sum(word != word.lower() for word in words)
    if not words:
        return 1.0
    return (0.3 if folded else 2.0) if capitals > 0.002 * len(words) else (2.0 if folded else 0.3)


def _service(look: Look) -> Iterator[Intervention]:
    yield Intervention(
        _NAME,
        "service-lower",
        sent_as(look.setup, rewritten(str.lower)),
        _LOST,
        Text("fold texts to lower case where the service reads them", "在服务读取文本的地方统一转为小写"),
        2.0,
    )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("letter case", "大小写"),
    question=Text("Are capital letters folded as in training?", "大小写的处理与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="facts of text pipelines, F24",
)
