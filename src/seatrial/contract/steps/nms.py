"""Drops boxes that another, better one of the same class covers (non-maximum suppression)."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, to_float
from seatrial.errors import ContractViolation


def _nms(
    value: Any,
    _context: Context,
    /,
    *,
    iou: float = 0.5,
    score: float = 0.05,
    keep: int = 100,
    candidates: int = 1000,
) -> Array:
    """Rows [n, 6] of (class, score, x0, y0, x1, y1), or boxes [n, 4] and scores [classes, n] -> rows [m, 6].

    Only rows with at least `score` count, at most `candidates` a class; those left come best first, at most
    `keep`. Equal scores keep the order they came in.
    """
    rows = _rows(value)
    rows = rows[rows[:, 1] >= score]
    kept = [_survivors(rows[rows[:, 0] == kind][:, :], iou, candidates) for kind in np.unique(rows[:, 0])]
    joined = np.concatenate(kept) if kept else np.zeros((0, 6), np.float32)
    return joined[np.argsort(-joined[:, 1], kind="stable")][:keep]


def _rows(value: Any) -> Array:
    if not (isinstance(value, list | tuple) and len(value) == 2):
        rows = as_array(value, rank=2, what="rows of (class, score, x0, y0, x1, y1)")
        if rows.shape[1] != 6:
            raise ContractViolation(f"takes rows of 6 numbers, not {rows.shape[1]}")
        return to_float(rows, np.float32)
    boxes, scores = (as_array(each, rank=2, what="boxes and scores") for each in value)
    if boxes.shape[1] != 4 or scores.shape[1] != len(boxes):
        raise ContractViolation(
            f"takes boxes [n, 4] and scores [classes, n], not {list(boxes.shape)} and {list(scores.shape)}"
        )
    kinds = np.repeat(np.arange(len(scores)), len(boxes))
    rows = np.column_stack([kinds, scores.reshape(-1), np.tile(boxes, (len(scores), 1))])
    return to_float(rows, np.float32)


def _survivors(rows: Array, iou: float, candidates: int) -> Array:
    rows = rows[np.argsort(-rows[:, 1], kind="stable")][:candidates]
    kept: list[int] = []
    waiting = np.arange(len(rows))
    while len(waiting):
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        waiting = waiting[_overlaps(rows[best, 2:], rows[waiting, 2:]) <= iou]
    return rows[kept]


def _overlaps(box: Array, others: Array) -> Array:
    """Intersection over union of one box with others; boxes without area overlap nothing."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    area = (box[2:] - box[:2]).clip(0).prod()
    union = area + (others[:, 2:] - others[:, :2]).clip(0).prod(axis=1) - shared
    result: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result


STEP = FunctionStep("nms", "postprocess", "drops boxes that a better one of the same class covers", _nms)
