"""Cuts text into words at white space."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._text import Form, as_text


def _tokenize_words(
    value: Any, _context: Context, /, *, lower: bool = False, form: Form | None = None
) -> list[str]:
    """Text -> its words; punctuation stays with them.

    `form` is the Unicode normalization that comes first; NFKC also folds full-width letters and marks.
    """
    return as_text(value, form=form, lower=lower).split()


STEP = FunctionStep("tokenize_words", "preprocess", "text -> words", _tokenize_words)
