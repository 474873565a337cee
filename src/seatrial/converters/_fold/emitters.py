"""Every step that can be folded, by name."""

from __future__ import annotations

from seatrial.converters._fold import arrays, boxes, decode, images, scores, sizes, texts
from seatrial.converters._fold.emitter import Emitter

EMITTERS: dict[str, Emitter] = {
    name: emitter
    for family in (arrays, boxes, decode, images, scores, sizes, texts)
    for name, emitter in sorted(family.EMITTERS.items())
}

# What is not folded, and why.
REASONS = {
    "db_boxes": "it follows contours and grows polygons, which ONNX has no operators for",
    "tokenize_bert": (
        "the tokenizer of ONNX Runtime's extensions gives other ids where a part of a word is unknown, and "
        "the operators of ONNX cut no words"
    ),
}


def why_not(step: str) -> str:
    """Why a step is not folded."""
    return REASONS.get(step, "no ONNX nodes are known for it")
