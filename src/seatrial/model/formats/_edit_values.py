"""Writes the new value of an operator's attribute, in any format whose messages are protobuf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seatrial.model.formats import _wire as wire
from seatrial.model.formats._edit import OperatorEdit, cannot, items

# Field of an attribute's value, whether it is a list, and how one value is written.
Kind = tuple[int, bool, Callable[[int, Any], bytes]]


def written(edit: OperatorEdit, attribute: str, value: Any, kind: Kind | None) -> bytes:
    """The fields of an attribute's new value.

    Args:
        edit: What becomes of the operator.
        attribute: Its name.
        value: The new one.
        kind: How the format writes it; None for a kind that is neither number nor text.

    Raises:
        UsageError: The attribute cannot be given that value.
    """
    if kind is None:
        raise cannot(edit, attribute, value, "it is neither a number nor text, nor a list of them")
    field, several, write = kind
    if not several and isinstance(value, (tuple, list)):
        raise cannot(edit, attribute, value, "it is a single value")
    values = items(value)
    if any(isinstance(each, str) != (write is wire.block) for each in values):
        raise cannot(edit, attribute, value, "text and numbers are not the same")
    if write is wire.number:
        if any(int(each) != each for each in values):
            raise cannot(edit, attribute, value, "it is an integer")
        values = tuple(int(each) for each in values)
    return b"".join(write(field, each) for each in values)
