"""Words where the model learned characters, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    TEXTS,
    calls_of,
    changed,
    edited,
    exchanged,
    needed,
    option,
)
from seatrial.text import Text

_OTHER = {"tokenize_chars": "tokenize_words", "tokenize_words": "tokenize_chars"}
_SHARED = ("lower", "form")


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", *TEXTS):
        call = calls_of(contract, "preprocess")[place]
        if call.name == "tokenize_bert":
            yield changed(contract, "preprocess", place, ideographs=not option(call, "ideographs"))
        else:
            kept = {name: call.options[name] for name in _SHARED if name in call.options}
            yield exchanged(contract, "preprocess", place, StepCall(_OTHER[call.name], kept))


FAULT = Fault(
    name="token-unit-changed",
    title=Text(
        "text is cut into words for characters, or the other way round", "分词单位不对：按词与按字混淆"
    ),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F24",
    cause="token-unit",
    needs=BASELINE,
)
