"""What a document shows of the bundle's samples: a real one, and its real answer."""

from __future__ import annotations

import json
from typing import Any

from seatrial.deliverables._documents.trace import source
from seatrial.deliverables._documents.writer import VECTORS, Writer

_MOST = 1500  # letters of an answer
_WIDE = 84


def answer_listing(w: Writer) -> None:
    """What must come of the first sample."""
    answer = w.facts.raw(VECTORS, "vectors", 0, "answer")
    text = _pretty(answer)
    if len(text) > _MOST:
        text = text[:_MOST] + " ..."
    w.listing(text, "json", source=source(VECTORS, "vectors", 0, "answer"))


def _pretty(value: Any, indent: str = "") -> str:
    """JSON with a line for what fits on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + len(indent) <= _WIDE or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_pretty(each, inner)}" for key, each in value.items()
        ]
        return "{\n" + ",\n".join(inner + each for each in parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _pretty(each, inner) for each in value) + f"\n{indent}]"
