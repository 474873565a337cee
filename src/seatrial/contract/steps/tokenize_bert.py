"""Text into the ids of BERT and ERNIE: basic tokenizer, then WordPiece (Devlin et al., 2018)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._text import Form, as_text
from seatrial.contract.steps._vocabulary import id_of, ids_of
from seatrial.errors import ContractViolation

LONGEST_WORD = 100  # characters; the original gives [UNK] for longer ones

# Blocks of CJK ideographs, each of which is a word of its own.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def _tokenize_bert(
    value: Any,
    context: Context,
    /,
    *,
    lower: bool = True,
    form: Form | None = None,
    ideographs: bool = True,
    special: bool = True,
    max_length: int = 128,
    pad: bool = False,
    side: Literal["end", "start"] = "end",
    ids: str = "input_ids",
    types: str | None = "token_type_ids",
    mask: str | None = None,
) -> dict[str, Array]:
    """Text -> int64 arrays [length] by input name: ids between [CLS] and [SEP], token types, attention mask.

    Args:
        value: Text.
        context: Has the vocabulary; takes the note `length`.
        lower: Lower case, accents stripped.
        form: Unicode normalization of the text before anything else; NFKC folds full-width letters.
        ideographs: Each ideograph is a word of its own.
        special: Begin with [CLS], end with [SEP].
        max_length: Most ids, [CLS] and [SEP] included; what is beyond is cut off.
        pad: Fill up to `max_length` with [PAD].
        side: Where the filling goes.
        ids: Input that takes the ids.
        types: Input that takes the token types, all 0, or null.
        mask: Input that takes 1 for each id and 0 for filling, or null.
    """
    text = as_text(value, form=form)
    if max_length < 2:
        raise ContractViolation(f"max_length is {max_length}; [CLS] and [SEP] alone need 2")
    known = ids_of(context.vocabulary)
    unknown = id_of(known, "[UNK]")
    words = _words(text, lower=lower, ideographs=ideographs)
    pieces = [piece for word in words for piece in _pieces(word, known, unknown)]
    found = pieces[:max_length]
    if special:
        found = [id_of(known, "[CLS]"), *pieces[: max_length - 2], id_of(known, "[SEP]")]
    context.notes["length"] = len(found)
    real = [1] * len(found)
    if pad:
        more = max_length - len(found)
        found, real = (
            _filled(found, id_of(known, "[PAD]"), more, side),
            _filled(real, 0, more, side),
        )
    arrays = {ids: np.array(found, np.int64)}
    if types is not None:
        arrays[types] = np.zeros(len(found), np.int64)
    if mask is not None:
        arrays[mask] = np.array(real, np.int64)
    return arrays


def _filled(numbers: list[int], filling: int, count: int, side: str) -> list[int]:
    more = [filling] * count
    return more + numbers if side == "start" else numbers + more


def _words(text: str, *, lower: bool, ideographs: bool) -> Iterator[str]:
    """Words and single punctuation marks; ideographs stand alone where that is wanted."""
    spaced = "".join(_cleaned(character, apart=ideographs) for character in text)
    if lower:
        apart = unicodedata.normalize("NFD", spaced)
        spaced = "".join(each for each in apart if unicodedata.category(each) != "Mn").lower()
    for word in spaced.split():
        start = 0
        for place, character in enumerate(word):
            if _is_punctuation(character):
                if start < place:
                    yield word[start:place]
                yield character
                start = place + 1
        if start < len(word):
            yield word[start:]


def _cleaned(character: str, *, apart: bool) -> str:
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs"):
        return ""
    alone = apart and any(low <= ord(character) <= high for low, high in _IDEOGRAPHS)
    return f" {character} " if alone else character


def _is_punctuation(character: str) -> bool:
    """ASCII marks such as `$` count too, though Unicode calls them symbols."""
    code = ord(character)
    ascii_mark = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_mark or unicodedata.category(character).startswith("P")


def _pieces(word: str, known: Mapping[str, int], unknown: int) -> list[int]:
    """Longest pieces first; [UNK] for the whole word when a part of it is not in the vocabulary."""
    if len(word) > LONGEST_WORD:
        return [unknown]
    found: list[int] = []
    start = 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in known), None)
        if end is None:
            return [unknown]
        found.append(known[prefix + word[start:end]])
        start = end
    return found


STEP = FunctionStep("tokenize_bert", "preprocess", "text -> ids of BERT and ERNIE", _tokenize_bert)
