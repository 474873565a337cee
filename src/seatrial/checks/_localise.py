"""Names the first operator whose output diverges, from two traces of one input (`M05`).

Two sessions of one graph are aligned by the labels of their operators. After fusion or conversion labels
are gone: then operators are aligned by what they compute, an operator of the reference being *seen* when
some operator of the variant, later than the last one seen, gives the same tensor. Fusion hides tensors and
parallel branches still agree below a fault, so the place is the split that explains most: seen before it,
unseen after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.runtimes import OperatorOutput

# Below this many elements, equality of two tensors is chance (shapes, scalars, axes).
FEWEST_ELEMENTS = 8
# A tensor that agrees to 1e-4 by chance is rare; one that is missing may only have been fused away.
WEIGHT_OF_MISSING = 0.6
SAME_GRAPH = 0.8  # share of labels in common from which two traces are of one graph


@dataclass(frozen=True, slots=True)
class OperatorError:
    """One operator of the reference with the error the variant shows there.

    Attributes:
        label: Of the reference's operator.
        operator: Its type.
        error: Scale-relative error; infinite for another shape or NaN mask; None where the variant has no
            such tensor (fused away).
    """

    label: str
    operator: str
    error: float | None


@dataclass(frozen=True)
class Localisation:
    """Where two traces part.

    Attributes:
        first: First operator that diverges, or None when none does. Aligned by equality it is the first one
            not seen again, so where the variant fused operators the fault lies between `last_good` and it
            or right behind it.
        last_good: Last operator before it that agrees, or None.
        aligned_by: `label` or `equality`.
        compared: Operators compared.
        errors: Of every compared operator, in the reference's order.
    """

    first: OperatorError | None
    last_good: OperatorError | None
    aligned_by: str
    compared: int
    errors: tuple[OperatorError, ...]


def first_divergence(
    reference: Sequence[OperatorOutput], variant: Sequence[OperatorOutput], *, tolerance: float = 1e-4
) -> Localisation:
    """Finds the first operator of the reference whose output the variant does not give.

    Args:
        reference: Trace of the reference, in order of execution.
        variant: Trace of the variant on the same input.
        tolerance: Scale-relative error that still agrees.
    """
    ours, theirs = _telling(reference), _telling(variant)
    names = {each.label for each in theirs}
    shared = sum(each.label in names for each in ours)
    if ours and shared >= SAME_GRAPH * len(ours):
        return _by_label(ours, theirs, tolerance)
    return _by_equality(ours, theirs, tolerance)


def tensor_error(reference: Any, other: Any) -> float:
    """Scale-relative error of one tensor; infinite when shape or non-finite mask differ."""
    a, b = np.asarray(reference), np.asarray(other)
    if a.shape != b.shape:
        return float("inf")
    x, y = a.astype("float64"), b.astype("float64")
    finite = np.isfinite(x)
    if not np.array_equal(finite, np.isfinite(y)):
        return float("inf")
    if not finite.any():
        return 0.0
    error = float(np.abs(x[finite] - y[finite]).max())
    scale = float(np.abs(x[finite]).max())
    return error / scale if scale > 0 else (0.0 if error == 0 else float("inf"))


def _telling(trace: Sequence[OperatorOutput]) -> list[OperatorOutput]:
    """Operators whose output tells one computation from another: floats of some size, not constant."""
    kept = []
    for each in trace:
        value = np.asarray(each.value)
        if value.dtype.kind == "f" and value.size >= FEWEST_ELEMENTS and np.ptp(value) != 0:
            kept.append(each)
    return kept


def _by_label(
    ours: Sequence[OperatorOutput], theirs: Sequence[OperatorOutput], tolerance: float
) -> Localisation:
    other = {each.label: each.value for each in theirs}
    errors = []
    for each in ours:
        found = tensor_error(each.value, other[each.label]) if each.label in other else None
        errors.append(OperatorError(each.label, each.operator, found))
    first = next((i for i, e in enumerate(errors) if e.error is not None and not e.error <= tolerance), None)
    return _conclude(errors, first, "label", tolerance)


def _by_equality(
    ours: Sequence[OperatorOutput], theirs: Sequence[OperatorOutput], tolerance: float
) -> Localisation:
    errors: list[OperatorError] = []
    used = -1
    for each in ours:
        best, place = None, -1
        for i, candidate in enumerate(theirs):
            if i <= used or candidate.value.size != each.value.size:
                continue
            value = _same_layout(candidate.value, each.value)
            if value.shape != each.value.shape:
                continue  # as many numbers by chance, or another layout: no evidence either way
            found = tensor_error(each.value, value)
            if best is None or found < best:
                best, place = found, i
            if found <= tolerance:
                break
        if best is not None and best <= tolerance:
            used = place
        errors.append(OperatorError(each.label, each.operator, best))
    return _conclude(errors, _split(errors, tolerance), "equality", tolerance)


def _same_layout(value: Any, like: Any) -> Any:
    """`value` with the shape of `like` where only axes of one were added or a flatten came between."""
    array, target = np.asarray(value), np.asarray(like).shape
    squeezed = tuple(each for each in array.shape if each != 1)
    return array.reshape(target) if squeezed == tuple(each for each in target if each != 1) else array


def _split(errors: Sequence[OperatorError], tolerance: float) -> int | None:
    """Index of the first divergence: most operators agree before it and most disagree from it on."""
    comparable = [(i, e.error <= tolerance) for i, e in enumerate(errors) if e.error is not None]
    if not comparable or comparable[-1][1]:
        return None  # the last tensor agrees, so whatever differs on the way does not matter
    agrees = np.array([ok for _, ok in comparable])
    before = np.r_[0, np.cumsum(agrees)]
    after = np.r_[np.cumsum(~agrees[::-1])[::-1], 0]
    place = int(np.argmax(before + WEIGHT_OF_MISSING * after))
    while place < len(comparable) and comparable[place][1]:
        place += 1
    return comparable[place][0] if place < len(comparable) else None


def _conclude(
    errors: Sequence[OperatorError], first: int | None, aligned_by: str, tolerance: float
) -> Localisation:
    good = [e for e in errors[:first] if e.error is not None and e.error <= tolerance]
    return Localisation(
        first=None if first is None else errors[first],
        last_good=good[-1] if good else None,
        aligned_by=aligned_by,
        compared=sum(e.error is not None for e in errors),
        errors=tuple(errors),
    )
