"""Takes JSON values apart: every step says what it expected, none trusts the file."""

from __future__ import annotations

import json
from typing import Any

from seatrial.model.formats._format import Garbled


def load_json(data: bytes) -> Any:
    """The JSON value in `data`.

    Raises:
        Garbled: It is cut off, not JSON, or nested too deeply.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise Garbled("the JSON is nested deeper than any graph") from error
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) or "Unterminated" in error.msg
        code = "graph-truncated" if cut else "graph-garbage"
        what = "ends in the middle" if cut else "is no longer JSON"
        raise Garbled(
            f"the graph {what}: {error.msg} at line {error.lineno}, column {error.colno}",
            code=code,
            hint="copy the file again from the export and compare the sizes",
        ) from error
    except (UnicodeDecodeError, ValueError) as error:
        raise Garbled(f"the graph is not JSON text: {error}") from error


def mapping(value: Any, what: str) -> dict[str, Any]:
    """`value` as an object."""
    if not isinstance(value, dict):
        raise Garbled(f"{what} is {_kind(value)}, expected an object")
    return value


def sequence(value: Any, what: str) -> list[Any]:
    """`value` as a list."""
    if not isinstance(value, list):
        raise Garbled(f"{what} is {_kind(value)}, expected a list")
    return value


def member(value: Any, key: str, what: str) -> Any:
    """`value[key]` of an object."""
    found = mapping(value, what)
    if key not in found:
        raise Garbled(f"{what} has no '{key}'")
    return found[key]


def item(value: Any, index: int, what: str) -> Any:
    """`value[index]` of a list."""
    found = sequence(value, what)
    if len(found) <= index:
        raise Garbled(f"{what} has {len(found)} items, expected at least {index + 1}")
    return found[index]


def text(value: Any, what: str) -> str:
    """`value` as text that can be printed and written."""
    if not isinstance(value, str):
        raise Garbled(f"{what} is {_kind(value)}, expected text")
    return printable(value)


def printable(value: str) -> str:
    """`value` with lone surrogates and control characters made visible, so that no terminal obeys them."""
    if value.isprintable():
        return value
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in value)


def integer(value: Any, what: str) -> int:
    """`value` as an integer of at most 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**64:
        raise Garbled(f"{what} is {_kind(value)}, expected a 64-bit integer")
    return value


def _kind(value: Any) -> str:
    shown = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return shown.get(
        type(value), f"the {type(value).__name__} {str(value)[:40]}" if value is not None else "null"
    )
