"""Text into the ids of BERT and ERNIE: basic tokenizer, then WordPiece (Devlin et al., 2018)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
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
    max_length: int = 128,
    pad: bool = False,
    ids: str = "input_ids",
    types: str | None = "token_type_ids",
    mask: str | None = None,
) -> dict[str, Array]:
    """Text -> int64 arrays [length] by input name: ids between [CLS] and [SEP], token types, attention mask.

    Args:
        value: Text.
        context: Has the vocabulary; takes the note `length`.
        lower: Lower case, accents stripped.
        max_length: Most ids, [CLS] and [SEP] included; what is beyond is cut off.
        pad: Fill up to `max_length` with [PAD].
        ids: Input that takes the ids.
        types: Input that takes the token types, all 0, or null.
        mask: Input that takes 1 for each id and 0 for filling, or null.
    """
    if not isinstance(value, str):
        raise ContractViolation(f"takes text, not {describe(value)}")
    if max_length < 2:
        raise ContractViolation(f"max_length is {max_length}; [CLS] and [SEP] alone need 2")
    known = ids_of(context.vocabulary)
    unknown = id_of(known, "[UNK]")
    pieces = [piece for word in _words(value, lower=lower) for piece in _pieces(word, known, unknown)]
    found = [id_of(known, "[CLS]"), *pieces[: max_length - 2], id_of(known, "[SEP]")]
    length = context.notes["length"] = len(found)
    if pad:
        found += [id_of(known, "[PAD]")] * (max_length - length)
    arrays = {ids: np.array(found, np.int64)}
    if types is not None:
        arrays[types] = np.zeros(len(found), np.int64)
    if mask is not None:
        arrays[mask] = (np.arange(len(found)) < length).astype(np.int64)
    return arrays


def _words(text: str, *, lower: bool) -> Iterator[str]:
    """Words and single punctuation marks; ideographs stand alone."""
    spaced = "".join(_cleaned(character) for character in text)
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


def _cleaned(character: str) -> str:
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs"):
        return ""
    return f" {character} " if any(low <= ord(character) <= high for low, high in _IDEOGRAPHS) else character


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
