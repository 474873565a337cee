"""Whether two answers are the same to the person who reads them, by task (`M05`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# A box whose corners moved by at most this many pixels is the same box.
BOX_PIXELS = 2.0
# Tasks whose answers are judged by their share, because one pixel at a threshold moves a box.
FUZZY = ("text-detection", "detection", "segmentation")


def agreement(task: str, one: Any, other: Any) -> float:
    """How much of an answer is the same, between 0 and 1.

    Args:
        task: Of the contract.
        one: Answer of the reference.
        other: Answer of the variant. None where there was no answer.
    """
    if one is None or other is None:
        return float(one is other)
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return float(_equal(one, other))
    if task == "text-recognition":
        return float(one.get("text") == other.get("text"))
    if task in ("classification", "text-classification"):
        key = "index" if "index" in one else "class"
        return float(one.get(key) == other.get(key))
    if task in ("text-detection", "detection"):
        return _boxes(one.get("boxes", ()), other.get("boxes", ()))
    if task == "segmentation":
        return _pixels(one.get("mask", ()), other.get("mask", ()))
    if task == "regression":
        return float(np.allclose(one.get("value", np.nan), other.get("value", np.nan), rtol=1e-3, atol=1e-6))
    return 1.0  # raw tensors: the numbers beside say it all


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, (str, bool, int)) or isinstance(other, (str, bool, int)):
        return bool(one == other)
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape or a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return bool(np.array_equal(a, b))
    return bool(np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True))


def _boxes(one: Sequence[Any], other: Sequence[Any]) -> float:
    """Share of boxes that have a partner with every corner within `BOX_PIXELS`."""
    a = [np.asarray(each, "float64").ravel() for each in one]
    b = [np.asarray(each, "float64").ravel() for each in other]
    if not a and not b:
        return 1.0
    free, matched = list(range(len(b))), 0
    for box in a:
        near = [i for i in free if b[i].shape == box.shape and np.abs(b[i] - box).max() <= BOX_PIXELS]
        if near:
            free.remove(min(near, key=lambda i: float(np.abs(b[i] - box).max())))
            matched += 1
    return 2 * matched / (len(a) + len(b))


def _pixels(one: Any, other: Any) -> float:
    a, b = np.asarray(one), np.asarray(other)
    return float(np.mean(a == b)) if a.shape == b.shape and a.size else float(a.shape == b.shape)
