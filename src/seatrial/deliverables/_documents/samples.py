"""What a document shows of the bundle's samples: a real one, and its real answer."""

from __future__ import annotations

import json

from seatrial.deliverables._documents.trace import source
from seatrial.deliverables._documents.writer import VECTORS, Writer

_MOST = 1500  # letters of an answer


def answer_listing(w: Writer) -> None:
    """What must come of the first sample."""
    answer = w.facts.raw(VECTORS, "vectors", 0, "answer")
    text = json.dumps(answer, ensure_ascii=False, indent=1)
    if len(text) > _MOST:
        text = text[:_MOST] + " ..."
    w.listing(text, "json", source=source(VECTORS, "vectors", 0, "answer"))
