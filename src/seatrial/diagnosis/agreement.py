"""Whether an answer is the right one, and how near it comes: by task, against whatever the reference knows.

With the reference's numbers, a sample agrees when the numbers do. With its answers alone, when the answers
do: equal class, equal text, boxes that match. A half-right sample has a closeness between 0 and 1, so that
one cause undone shows before the second one is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.reference import Reference

# Truly equal models differ by up to 8.5e-4 in probabilities on real inputs (docs/explanation/measured.md).
SAME_NUMBERS = 2e-3
SAME_BOXES = 0.9  # mean overlap from which two sets of boxes are one


@dataclass(frozen=True)
class Seen:
    """What one setup made of one sample; None where it got no further."""

    feed: Mapping[str, Array] | None
    outputs: Sequence[Array] | None
    answer: Any


class Judge:
    """Compares one sample's outputs and answer with what was right.

    Args:
        task: Of the contract; says what an answer looks like.
        reference: What was right.
    """

    def __init__(self, task: str, reference: Reference) -> None:
        self._task, self._reference = task, reference

    def compare(self, place: int, seen: Seen) -> tuple[bool, float]:
        """Whether one sample agrees, and how near it is, 0 to 1.

        Closeness is the mean over every stage that the reference knows (tensors, outputs, answer), so that
        of two setups that both disagree the one that got an earlier stage right is the nearer one.
        """
        reference = self._reference
        early, final = [], []
        if reference.feeds is not None and reference.feeds[place] is not None:
            early.append(same_feeds(reference.feeds[place] or {}, seen.feed))
        # A service that gives answers only (a predict endpoint) is judged by its answers.
        answers_only = seen.outputs is None and seen.answer is not None
        if reference.outputs is not None and reference.outputs[place] is not None and not answers_only:
            final.append(same_numbers(reference.outputs[place] or (), seen.outputs))
        if reference.answers is not None and reference.answers[place] is not None:
            final.append(self._same_answer(reference.answers[place], seen.answer))
        scores = early + final
        agrees = bool(final) and min(final) >= 1.0
        return agrees, (float(np.mean(scores)) if scores else 0.0)

    def _same_answer(self, right: Any, got: Any) -> float:
        if got is None:
            return 0.0
        if self._task == "text-recognition":
            same = _same_text(_field(right, "text"), _field(got, "text"))
            return same if same < 1.0 else _same_confidence(right, got)
        if self._task == "detection":
            return _same_detections(right, got)
        if self._task == "text-detection":
            return same_boxes(_boxes(right), _boxes(got))
        if self._task == "segmentation":
            return _same_mask(_field(right, "mask"), _field(got, "mask"))
        if self._task == "regression":
            return _near(_field(right, "value"), _field(got, "value"))
        return _same_class(right, got)


def same_feeds(right: Mapping[str, Array], got: Mapping[str, Array] | None) -> float:
    """1 when every input agrees, else falls with the distance."""
    if got is None or set(got) != set(right):
        return 0.0
    return min((_one_tensor(right[name], got[name]) for name in right), default=0.0)


def same_numbers(right: Sequence[Array], got: Sequence[Array] | None) -> float:
    """1 when every output agrees within `SAME_NUMBERS` of its scale; else falls with the distance."""
    if got is None or len(got) != len(right):
        return 0.0
    return min((_one_tensor(a, b) for a, b in zip(right, got, strict=True)), default=0.0)


def _one_tensor(right: Array, got: Array) -> float:
    if right.shape != got.shape:
        return 0.0
    a, b = np.asarray(right, "float64"), np.asarray(got, "float64")
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return 0.0
    a, b = a[finite], b[finite]
    scale = max(float(np.abs(a).max(initial=0.0)), 1e-6)
    if float(np.abs(a - b).max(initial=0.0)) <= SAME_NUMBERS * scale:
        return 1.0
    # The share of the reference's energy that is explained: falls smoothly and does not reward constants.
    rest = float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b) + 1e-12))
    return 0.99 * (1.0 - min(1.0, rest))


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else value


def _same_text(right: Any, got: Any) -> float:
    one, other = str(right), str(got or "")
    if one == other:
        return 1.0
    return 0.99 * SequenceMatcher(None, one, other, autojunk=False).ratio()


def _same_class(right: Any, got: Any) -> float:
    if not isinstance(right, Mapping):  # a bare label: a name or a number, as people have it
        known = {str(_field(got, "class")), str(_field(got, "index"))}
        return float(str(right) in known)
    if any(str(right[name]) != str(got.get(name)) for name in ("index", "class") if name in right):
        return 0.0
    return _same_confidence(right, got)


def _same_confidence(right: Any, got: Any) -> float:
    """Of two answers that say the same: 1 unless both give a confidence and it differs."""
    if not all(isinstance(each, Mapping) and "confidence" in each for each in (right, got)):
        return 1.0
    error = abs(float(right["confidence"]) - float(got["confidence"]))
    return 1.0 if error <= SAME_NUMBERS else 0.5 + 0.49 * (1.0 - min(1.0, error))


def _near(right: Any, got: Any) -> float:
    a, b = float(right), float(got)
    error = abs(a - b) / max(abs(a), 1e-6)
    return 1.0 if error <= SAME_NUMBERS else 0.99 / (1.0 + error)


def _same_mask(right: Any, got: Any) -> float:
    a, b = np.asarray(right), np.asarray(got)
    if a.shape != b.shape:
        return 0.0
    share = float((a == b).mean())
    return 1.0 if share >= 1 - SAME_NUMBERS else 0.99 * share


def _boxes(answer: Any) -> Array:
    """Boxes as (n, 4) left, top, right, bottom in pixels, whatever form they came in."""
    boxes = _field(answer, "boxes")
    rows = [np.asarray(each, "float64").reshape(-1) for each in ([] if boxes is None else boxes)]
    return np.array(
        [
            [row[0::2].min(), row[1::2].min(), row[0::2].max(), row[1::2].max()]
            for row in rows
            if row.size >= 4
        ]
    ).reshape(-1, 4)


def _same_detections(right: Any, got: Any) -> float:
    """As `same_boxes`, class by class where both sides name classes."""
    mine, theirs = _boxes(got), _boxes(right)
    names, wanted = _names(got, len(mine)), _names(right, len(theirs))
    if names is None or wanted is None:
        return same_boxes(theirs, mine)
    shares = {kind: same_boxes(theirs[wanted == kind], mine[names == kind]) for kind in {*names, *wanted}}
    weights = {kind: int((names == kind).sum() + (wanted == kind).sum()) for kind in shares}
    total = sum(weights.values())
    return sum(shares[kind] * weights[kind] for kind in shares) / total if total else 1.0


def _names(answer: Any, count: int) -> Array | None:
    kinds = answer.get("classes") if isinstance(answer, Mapping) else None
    if not isinstance(kinds, Sequence) or len(kinds) != count:
        return None
    return np.array(kinds) if all(isinstance(each, str) for each in kinds) else None


def same_boxes(right: Array, got: Array) -> float:
    """Mean overlap of the best matches, counted against the longer list; 1 from `SAME_BOXES` on."""
    if not len(right) and not len(got):
        return 1.0
    if not len(right) or not len(got):
        return 0.0
    low = np.maximum(right[:, None, :2], got[None, :, :2])
    high = np.minimum(right[:, None, 2:], got[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(np.clip(each[:, 2:] - each[:, :2], 0, None), axis=1) for each in (right, got)]
    overlap = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)
    mean = float((overlap.max(axis=1).sum() + overlap.max(axis=0).sum()) / (len(right) + len(got)))
    return 1.0 if mean >= SAME_BOXES else 0.99 * mean
