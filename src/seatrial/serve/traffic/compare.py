"""Whether two versions gave the same answer to the same input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.contract.sample import Array

CLASSES = ("classification", "text-classification")  # tasks whose answer is the largest of a row


@dataclass(frozen=True)
class Comparison:
    """Two answers side by side.

    Attributes:
        agrees: Whether they are the same answer.
        max_difference: Largest difference between two numbers; None: there is no number to compare.
        top1: Share of the rows whose class is the same; None: the answer is no class.
        why: What differs, for people; empty: nothing.
    """

    agrees: bool
    max_difference: float | None = None
    top1: float | None = None
    why: str = ""


def compare(mine: Sequence[Array], its: Sequence[Array], *, task: str, tolerance: float) -> Comparison:
    """Compares two answers output by output, by place: names differ between formats.

    Args:
        mine: What was answered.
        its: What the other version would have answered.
        task: The contract's; says whether the answer is a class.
        tolerance: Largest difference that counts as none, beside as much of the number itself.
    """
    if [each.shape for each in mine] != [each.shape for each in its]:
        return Comparison(agrees=False, why="the outputs are of other shapes")
    largest: float | None = None
    near = same = True
    for one, other in zip(mine, its, strict=True):
        if one.dtype.kind not in "biuf" or other.dtype.kind not in "biuf":
            same = same and bool(np.array_equal(one, other))
            continue
        difference, close = _difference(one, other, tolerance)
        near = near and close
        largest = difference if largest is None else max(largest, difference)
    top1 = _top1(mine[0], its[0]) if task in CLASSES and mine else None
    agrees = same and (near or (top1 == 1.0 and len(mine) == 1))
    why = "" if agrees else "a class" if top1 is not None and top1 < 1 else "numbers" if same else "texts"
    return Comparison(agrees=agrees, max_difference=largest, top1=top1, why=why)


def _difference(one: Array, other: Array, tolerance: float) -> tuple[float, bool]:
    if not one.size:
        return 0.0, True
    a, b = one.astype(np.float64), other.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0.0, np.abs(a - b))
    gaps = np.where(np.isnan(gaps), np.inf, gaps)  # a number here and none there
    finite = np.where(np.isfinite(a), np.abs(a), 0.0)
    return float(gaps.max()), bool((gaps <= tolerance * (1 + finite)).all())


def _top1(one: Array, other: Array) -> float | None:
    if one.ndim != 2 or one.shape[1] < 2 or not len(one) or one.dtype.kind != "f":
        return None
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean())
