"""Tokens have other ids than in training: a line more or less, or special tokens mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, option
from seatrial.diagnosis.hypotheses._images import axes_at
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._texts import READERS, specials, takes_text
from seatrial.diagnosis.hypotheses._vocabularies import Edit, odd_lines, shortened, solved, widened
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "vocabulary"
_FEW = 5  # special tokens whose exchange is tried


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Vocabularies with a line more or less, other tokens for unknown words and filling."""
    if setup.opaque:
        return []
    look = look_at(case, setup)
    if not takes_text(look) or not setup.places("preprocess", *READERS) or not setup.contract.vocabulary:
        return []
    return worth(
        look, [*_lists(look), *_exchanged(look), *_unknown(look), *_filling(look), *_numbers(look)], most=28
    )


def _lists(look: Look) -> Iterator[Intervention]:
    edits: list[Edit] = [*solved(look), *odd_lines(look), *shortened(look), *widened(look)]
    for edit in edits:
        yield Intervention(
            _NAME,
            edit.name,
            look.setup.with_contract(vocabulary=edit.words),
            edit.said,
            edit.fix,
            edit.prior,
            ("vocabulary",),
        )


def _exchanged(look: Look) -> Iterator[Intervention]:
    """Two special tokens have each other's id."""
    words = look.setup.contract.vocabulary
    heads = range(min(specials(words), _FEW))
    for one, other in combinations(heads, 2):
        edited = list(words)
        edited[one], edited[other] = words[other], words[one]
        yield Intervention(
            _NAME,
            f"exchanged-{one}-{other}",
            look.setup.with_contract(vocabulary=tuple(edited)),
            Text(
                f"{words[one]} and {words[other]} are exchanged in the vocabulary.",
                f"词表中 {words[one]} 与 {words[other]} 对调了。",
            ),
            Text(
                f"put {words[other]} on line {one + 1} of the vocabulary, {words[one]} on line {other + 1}",
                f"把词表第 {one + 1} 行改为 {words[other]}，第 {other + 1} 行改为 {words[one]}",
            ),
            1.2,
            ("vocabulary",),
        )


def _heads(look: Look) -> list[str]:
    words = look.setup.contract.vocabulary
    named = [word for word in words if word.strip("[]<>").lower() in ("unk", "pad", "oov", "mask", "blank")]
    return list(dict.fromkeys([*named, *words[: max(3, min(specials(words), _FEW))], words[-1]]))[:8]


def _unknown(look: Look) -> Iterator[Intervention]:
    """Unknown words become another token."""
    for place in look.setup.places("preprocess", "lookup"):
        fed = option(look.setup, place, "unknown")
        for right in _heads(look):
            if right != fed:
                yield _token(look, place, "unknown", (fed, right), 3.0 if _names(right, "unk") else 0.6)


def _filling(look: Look) -> Iterator[Intervention]:
    """Texts are filled up with another token."""
    for place in look.setup.places("preprocess", "lookup"):
        fed = option(look.setup, place, "pad")
        for right in _heads(look) if fed is not None else ():
            if right != fed:
                yield _token(look, place, "pad", (fed, right), 3.0 if _names(right, "pad") else 0.6)


def _names(token: str, word: str) -> bool:
    return token.strip("[]<>").lower() == word


def _token(look: Look, place: int, what: str, tokens: tuple[str | None, str], prior: float) -> Intervention:
    fed, right = tokens
    role = {"unknown": ("Unknown words become", "未登录词"), "pad": ("Texts are filled up with", "填充词元")}
    said = Text(
        f"{role[what][0]} another token: the service uses {fed}, training used {right}.",
        f"{role[what][1]}不同：服务使用 {fed}，训练时使用 {right}。",
    )
    lookup = Suspect(_NAME, look.setup, place)
    return lookup.given(what, right, said, prior, name=f"{what}-{right}", shown=f"'{right}'")


def _numbers(look: Look) -> Iterator[Intervention]:
    """Ids are filled up with another number."""
    for place in look.setup.places("preprocess", "pad"):
        if axes_at(look, place):
            continue
        fed = float(option(look.setup, place, "fill"))
        for right in range(4):
            if right != fed:
                said = Text(
                    f"Texts are filled up with another id: the service uses {fed:g}, training used {right}.",
                    f"填充的 id 不同：服务使用 {fed:g}，训练时使用 {right}。",
                )
                prior = 2.0 if right == 0 else 0.6
                yield Suspect(_NAME, look.setup, place).given("fill", float(right), said, prior)


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("vocabulary", "词表"),
    question=Text("Do tokens have the ids of training?", "词元的 id 与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="F24",
)
