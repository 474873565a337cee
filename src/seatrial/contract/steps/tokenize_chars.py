"""Cuts text into characters."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._text import Form, as_text


def _tokenize_chars(
    value: Any,
    _context: Context,
    /,
    *,
    lower: bool = False,
    spaces: bool = True,
    form: Form | None = None,
) -> list[str]:
    """Text -> its characters; without `spaces`, white space is left out.

    `form` is the Unicode normalisation that comes first (UAX 15): NFKC makes full-width letters, digits and
    punctuation half-width.
    """
    text = as_text(value, form=form, lower=lower)
    return [character for character in text if spaces or not character.isspace()]


STEP = FunctionStep("tokenize_chars", "preprocess", "text -> characters", _tokenize_chars)
