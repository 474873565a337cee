"""Full-width letters and composed characters are folded otherwise than in training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal
from unicodedata import normalize

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect
from seatrial.diagnosis.hypotheses._images import takes
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import rewritten, sent_as
from seatrial.diagnosis.hypotheses._texts import with_option
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "unicode-form"
_FORMS = {None: 1.5, "NFKC": 2.0, "NFC": 1.0, "NFKD": 0.4, "NFD": 0.4}


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other forms, when a sample has characters that they change."""
    look = look_at(case, setup)
    if setup.opaque:
        return list(_service(look)) if takes(look, "unicode") else []
    return worth(look, _tokenizer(look))


def _said(fed: str | None, right: str | None) -> Text:
    return Text(
        f"Unicode is normalized otherwise: the service uses {fed or 'the text as it is'}, "
        f"training used {right or 'the text as it was'}.",
        f"Unicode 规范化不同：服务使用{fed or '原文'}，训练时使用{right or '原文'}。",
    )


def _tokenizer(look: Look) -> Iterator[Intervention]:
    for place, fed in with_option(look, "form"):
        for right, prior in _FORMS.items():
            if right != fed:
                said, name = _said(fed, right), f"form-{right or 'none'}-at-{place}".lower()
                yield Suspect(_NAME, look.setup, place).given("form", right, said, prior, name=name)


def _service(look: Look) -> Iterator[Intervention]:
    forms: tuple[tuple[Literal["NFKC", "NFC"], float], ...] = (("NFKC", 2.0), ("NFC", 1.0))
    for form, prior in forms:
        change = rewritten(partial(normalize, form))
        yield Intervention(
            _NAME,
            f"service-{form}".lower(),
            sent_as(look.setup, change),
            _said(None, form),
            Text(
                f"normalize texts to {form} where the service reads them",
                f"在服务读取文本的地方按 {form} 规范化",
            ),
            prior,
        )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("Unicode form", "Unicode 规范化"),
    question=Text(
        "Are full-width and composed characters folded as in training?", "全角字符与组合字符的处理一致吗？"
    ),
    stage="preprocessed",
    propose=propose,
    source="UAX 15; F24",
)
