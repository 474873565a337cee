"""What the text steps share: text as it is before it is cut into tokens."""

from __future__ import annotations

import unicodedata
from typing import Any, Literal

from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def as_text(value: Any, *, form: Form | None = None, lower: bool = False) -> str:
    """The value as text, normalized, then in lower case if wanted.

    Raises:
        ContractViolation: It is something else.
    """
    if not isinstance(value, str):
        raise ContractViolation(f"takes text, not {describe(value)}")
    text = unicodedata.normalize(form, value) if form else value
    return text.lower() if lower else text
