"""Texts are cut, or filled up, at another length than in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import rewritten, sent_as
from seatrial.diagnosis.hypotheses._texts import id_arrays, is_filled, right_lengths, takes_text, with_option
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "max-length"
_USUAL = {128: 1.5, 512: 1.2, 256: 1.2, 64: 1.0, 32: 0.8, 384: 0.5, 100: 0.5, 200: 0.5, 50: 0.4, 16: 0.4}
_SERVICE = (128, 512, 256, 64, 32)


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Other lengths, and the one that the training side's tensors show."""
    look = look_at(case, setup)
    if setup.opaque:
        return list(_service(look)) if takes_text(look) else []
    return worth(look, _lengths(look))


def _lengths(look: Look) -> Iterator[Intervention]:
    longest = max((int(each.shape[-1]) for each in id_arrays(look)), default=0)
    for place, fed in with_option(look, "max_length"):
        cut = fed is not None and longest >= int(fed) and not is_filled(look, place)
        for right, prior in _candidates(look, fed).items():
            shorter = right is not None and (fed is None or right < int(fed))
            weight = 1.0 if is_filled(look, place) else 0.6 if shorter else 2.0 if cut else 1.0
            yield _made(look, place, fed, right, prior * weight)


def _candidates(look: Look, fed: int | None) -> dict[int | None, float]:
    """Lengths and their odds; that of the training side's longest text first."""
    seen = right_lengths(look)
    found: dict[int | None, float] = {max(seen): 3.0} if seen else {}
    for right, prior in _USUAL.items():
        found.setdefault(right, prior)
    if fed is not None:
        for factor in (2, 4, 8, 10):
            found.setdefault(int(fed) * factor, 0.5)
        found.setdefault(int(fed) // 2, 0.3)
        found.setdefault(None, 0.8)
    return {right: prior for right, prior in found.items() if right != fed and (right is None or right >= 2)}


def _made(look: Look, place: int, fed: int | None, right: int | None, prior: float) -> Intervention:
    shown, chinese = (str(right), f"{right} 个词元") if right is not None else ("any length", "任意长度")
    was, before = (str(fed), f"{fed} 个词元") if fed is not None else ("any length", "任意长度")
    said = Text(
        f"The length of texts differs: the service reads {was} tokens, training read {shown}.",
        f"文本长度上限不同：服务读取{before}，训练时读取{chinese}。",
    )
    name = f"max-length-{right if right is not None else 'none'}-at-{place}"
    return Suspect(_NAME, look.setup, place).given("max_length", right, said, prior, name=name)


def _service(look: Look) -> Iterator[Intervention]:
    """A service can only be given less: texts cut before it sees them."""
    longest = max(
        (len(each.payload) for each in look.case.samples if isinstance(each.payload, str)), default=0
    )
    for length in _SERVICE:
        if length < longest:
            yield Intervention(
                _NAME,
                f"service-{length}",
                sent_as(look.setup, rewritten(_cutter(length))),
                Text(
                    f"The length of texts differs: training read the first {length} characters.",
                    f"文本长度上限不同：训练时只读取前 {length} 个字符。",
                ),
                Text(
                    f"cut texts after {length} characters where the service reads them",
                    f"在服务读取文本的地方截取前 {length} 个字符",
                ),
                0.5,
            )


def _cutter(length: int) -> Callable[[str], str]:
    return lambda text: text[:length]


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("text length", "文本长度"),
    question=Text("Are texts cut at the length of training?", "文本截断长度与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="F24",
)
