"""Reads the text out of a CTC head: best class at each place, repeats and blanks dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def alphabet(labels: tuple[str, ...], *, blank: int, space: bool) -> list[str]:
    """Characters by class index: the dictionary, a space after it if wanted, the blank put in at its place.

    Raises:
        ContractViolation: The blank lies outside.
    """
    characters = [*labels, *([" "] if space else [])]
    if not -1 <= blank <= len(characters):
        raise ContractViolation(f"blank {blank} is outside the {len(characters) + 1} classes")
    characters.insert(len(characters) if blank == -1 else blank, "")
    return characters


def _ctc_decode(
    value: Any, context: Context, /, *, blank: int = 0, space: bool = True, merge: bool = True
) -> dict[str, Any]:
    """Scores [time, classes] -> `{"text", "confidence"}`; confidence is the mean of the kept maxima.

    `merge` makes one character of the same class at places that follow each other, as CTC is defined.
    """
    scores = as_array(value, rank=2, what="scores by time and class")
    characters = alphabet(tuple(context.labels), blank=blank, space=space)
    if scores.shape[1] != len(characters):
        raise ContractViolation(
            f"the model gives {scores.shape[1]} classes, and the dictionary makes {len(characters)}: "
            f"{len(context.labels)} characters, a blank{' and a space' if space else ''}",
            hint="this dictionary is not the one the model was trained with, or 'space' is set wrongly",
        )
    if not len(scores):
        return {"text": "", "confidence": 0.0}
    best = scores.argmax(axis=1)
    begins = np.r_[True, best[1:] != best[:-1]] | (not merge)
    kept = np.flatnonzero(begins & (best != blank % len(characters)))
    text = "".join(characters[index] for index in best[kept])
    confidence = float(scores[kept, best[kept]].mean(dtype=np.float64)) if len(kept) else 0.0
    return {"text": text, "confidence": confidence}


STEP = FunctionStep("ctc_decode", "postprocess", "CTC scores -> text and confidence", _ctc_decode)
