"""JSON as signed documents need it: one meaning only, and not more than was agreed on.

Readers differ on which of two equal keys they take, on NaN, and on how deep they go; what they differ on is
refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from seatrial.errors import TrustError


def read_strictly(data: bytes, what: str, *, most: int) -> Any:
    """The document.

    Args:
        data: UTF-8.
        what: It is, for messages.
        most: Bytes that it may have.

    Raises:
        TrustError: It is too big, no JSON, says something twice, or has a number that JSON has not.
    """
    if len(data) > most:
        raise TrustError(f"too big: {what} has {len(data)} bytes, more than {most}")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise TrustError(f"ambiguous: {what} says a key twice")
        return found

    def never(text: str) -> Any:
        raise TrustError(f"ambiguous: {what} has the number {text}, which JSON has not")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=never)
    except (ValueError, RecursionError) as error:
        raise TrustError(f"damaged: {what} is no JSON") from error


def from_base64(text: Any, what: str) -> bytes:
    """The bytes, from the one spelling that base64 (RFC 4648, section 4) has for them.

    Raises:
        TrustError: It is another spelling, or none.
    """
    if isinstance(text, str):
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = None
        if data is not None and to_base64(data) == text:
            return data
    raise TrustError(f"damaged: {what} is not in base64")


def to_base64(data: bytes) -> str:
    """The spelling."""
    return base64.b64encode(data).decode("ascii")
