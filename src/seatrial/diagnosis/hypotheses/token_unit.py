"""Text is cut into other units than in training: words for characters, with or without spaces."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import StepCall
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, exchanged
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._texts import with_option
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "token-unit"
_OTHER = {"tokenize_chars": "tokenize_words", "tokenize_words": "tokenize_chars"}
_UNITS = {"tokenize_chars": ("characters", "字"), "tokenize_words": ("words", "词")}
_SHARED = ("lower", "form")
_SPACES = Text("White space counts as characters; training left it out.", "服务保留空白字符，训练时去掉。")
_NO_SPACES = Text(
    "White space is left out; training counted it as characters.", "服务去掉了空白字符，训练时保留。"
)
_APART = Text(
    "Each Chinese character is a word of its own; in training it was not.",
    "服务把每个汉字当作一个词，训练时没有。",
)
_TOGETHER = Text(
    "Chinese characters run together into words; training took each for itself.",
    "服务没有把汉字逐字切分，训练时每个汉字单独成词。",
)


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other units that the steps can express."""
    if setup.opaque:
        return []
    look = look_at(case, setup)
    return worth(look, [*_units(look), *_spaces(look), *_ideographs(look)])


def _units(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", *_OTHER):
        call = look.calls[place]
        other = _OTHER[call.name]
        kept = {name: call.options[name] for name in _SHARED if name in call.options}
        fits = _known(look, other)
        for spaces in (True, False) if other == "tokenize_chars" else (True,):
            options = kept if spaces else {**kept, "spaces": False}
            shown = "" if spaces else "-without-spaces"
            yield Intervention(
                _NAME,
                f"{_UNITS[other][0]}{shown}",
                exchanged(look.setup, place, (StepCall(other, options),)),
                Text(
                    f"Text is cut into {_UNITS[call.name][0]}; training cut it into {_UNITS[other][0]}.",
                    f"切分单位不同：服务按{_UNITS[call.name][1]}切分，训练时按{_UNITS[other][1]}切分。",
                ),
                Text(f"use {other} instead of {call.name}", f"用 {other} 代替 {call.name}"),
                fits,
                ("preprocess", place),
            )


def _known(look: Look, tokenizer: str) -> float:
    """Odds from the vocabulary: one of single characters was made of characters."""
    words = [word for word in look.setup.contract.vocabulary if word[:1] not in "[<"]
    if not words:
        return 1.0
    single = sum(len(word) == 1 for word in words) / len(words)
    return 6.0 if (single > 0.9) == (tokenizer == "tokenize_chars") else 0.2


def _spaces(look: Look) -> Iterator[Intervention]:
    for place, _ in with_option(look, "spaces"):
        yield Suspect(_NAME, look.setup, place).toggled("spaces", _SPACES, _NO_SPACES, (1.5, 1.5))


def _ideographs(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "tokenize_bert"):
        yield Suspect(_NAME, look.setup, place).toggled("ideographs", _APART, _TOGETHER, (0.5, 3.0))


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("token unit", "切分单位"),
    question=Text("Is text cut into the units of training?", "文本的切分单位与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="F24",
)
