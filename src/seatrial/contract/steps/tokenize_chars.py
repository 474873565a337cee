"""Cuts text into characters."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation


def _tokenize_chars(
    value: Any, _context: Context, /, *, lower: bool = False, spaces: bool = True
) -> list[str]:
    """Text -> its characters; without `spaces`, white space is left out."""
    if not isinstance(value, str):
        raise ContractViolation(f"takes text, not {describe(value)}")
    text = value.lower() if lower else value
    return [character for character in text if spaces or not character.isspace()]


STEP = FunctionStep("tokenize_chars", "preprocess", "text -> characters", _tokenize_chars)
