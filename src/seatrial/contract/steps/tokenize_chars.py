"""Cuts text into characters."""

from __future__ import annotations

import unicodedata
from typing import Any, Literal

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation


def _tokenize_chars(
    value: Any,
    _context: Context,
    /,
    *,
    lower: bool = False,
    spaces: bool = True,
    form: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None,
) -> list[str]:
    """Text -> its characters; without `spaces`, white space is left out.

    `form` is the Unicode normalisation that comes first (UAX 15): NFKC makes full-width letters, digits and
    punctuation half-width.
    """
    if not isinstance(value, str):
        raise ContractViolation(f"takes text, not {describe(value)}")
    text = unicodedata.normalize(form, value) if form else value
    text = text.lower() if lower else text
    return [character for character in text if spaces or not character.isspace()]


STEP = FunctionStep("tokenize_chars", "preprocess", "text -> characters", _tokenize_chars)
