"""Names the first operator whose output diverges, from two traces of one input (`M05`).

Two sessions of one graph are aligned by the labels of their operators. After fusion or conversion labels
are gone: then operators are aligned by what they compute, an operator of the reference being *seen* when
some operator of the variant gives the same numbers. Fusion hides tensors and parallel branches still agree
below a fault, so the place is the split that explains most: seen before it, unseen after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from seatrial.runtimes._session import OperatorOutput

# Below this many elements, equality of two tensors is chance (scalars, axes, pairs of scores).
FEWEST_ELEMENTS = 4
# A tensor that agrees to 1e-4 by chance is rare; one that is missing may only have been fused away.
WEIGHT_OF_MISSING = 0.6
IDLE = frozenset({"dropout", "assign", "cast", "share_data", "scale", "Identity", "Cast", "Dropout"})
MOST_AXES = 5  # of tensors whose axes are tried in every order
FINER = 10  # a fault may begin at a tenth of the tolerance, where it leaps by as much
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
        aligned_by: `label`, `equality` or `flow`.
        compared: Operators compared.
        errors: Of every compared operator, in the reference's order.
    """

    first: OperatorError | None
    last_good: OperatorError | None
    aligned_by: str
    compared: int
    errors: tuple[OperatorError, ...]


def first_divergence(
    reference: Sequence[OperatorOutput],
    variant: Sequence[OperatorOutput],
    *,
    tolerance: float = 1e-4,
    flow: Mapping[str, Sequence[str]] | None = None,
) -> Localisation:
    """Finds the first operator of the reference whose output the variant does not give.

    Args:
        reference: Trace of the reference, in order of execution.
        variant: Trace of the variant on the same input.
        tolerance: Scale-relative error that still agrees.
        flow: Who reads whom in the reference, of `flow_of`; without it the order of execution has to do,
            which tells branches apart less well.
    """
    ours = [each for each in reference if _telling(each.value, fewest=2)]
    theirs = {each.label: each.value for each in variant}
    if flow:
        ours = [each for each in ours if each.value.size >= FEWEST_ELEMENTS or each.label in theirs]
        return _by_flow(ours, variant, flow, tolerance)
    shared = sum(each.label in theirs for each in ours)
    if ours and shared >= SAME_GRAPH * len(ours):
        return _by_label(ours, theirs, tolerance)
    ours = [each for each in ours if each.value.size >= FEWEST_ELEMENTS]
    return _by_equality(ours, [each.value for each in variant], tolerance)


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


def _telling(array: Any, *, fewest: int) -> bool:
    """Whether an output tells one computation from another: floats, several, not all the same."""
    value = np.asarray(array)
    return value.dtype.kind == "f" and value.size >= fewest and bool(np.ptp(value) != 0)


def _by_label(ours: Sequence[OperatorOutput], theirs: Mapping[str, Any], tolerance: float) -> Localisation:
    errors = [
        OperatorError(
            each.label,
            each.operator,
            tensor_error(each.value, theirs[each.label]) if each.label in theirs else None,
        )
        for each in ours
    ]
    first = next((i for i, e in enumerate(errors) if e.error is not None and not e.error <= tolerance), None)
    return _conclude(errors, first, "label", tolerance)


def _by_equality(ours: Sequence[OperatorOutput], theirs: Sequence[Any], tolerance: float) -> Localisation:
    candidates = _candidates(theirs)
    errors = [OperatorError(each.label, each.operator, _best(each, candidates, tolerance)) for each in ours]
    errors = _ended(errors, tolerance)
    return _conclude(errors, _split(errors, tolerance), "equality", tolerance)


def _by_flow(
    ours: Sequence[OperatorOutput],
    variant: Sequence[OperatorOutput],
    flow: Mapping[str, Sequence[str]],
    tolerance: float,
) -> Localisation:
    """The first operator that is wrong while all it reads is right, and from which the wrong goes on."""
    known = dict.fromkeys(each.label for each in ours)
    before = {each.label: _comparable(each.label, flow, known) for each in ours}
    errors = _found_again(ours, variant, before, tolerance)
    first = _first_wrong(errors, before, tolerance)
    finer = _first_wrong(errors, before, tolerance / FINER)
    if finer is not None and finer != first and _leaps(errors, finer, before):
        first = finer  # a small fault that only grew beyond the tolerance further on
    return _conclude(errors, first, "flow", tolerance)


def _found_again(
    ours: Sequence[OperatorOutput],
    variant: Sequence[OperatorOutput],
    before: Mapping[str, Sequence[str]],
    tolerance: float,
) -> list[OperatorError]:
    """Each operator with the error against what is most like it in the variant, whatever its name there."""
    theirs = {each.label: each.value for each in variant}
    candidates = _candidates([each.value for each in variant])
    values = {each.label: _Candidate(each.value) for each in ours}
    # A transposition has the numbers of its input, so finding those somewhere proves nothing of it.
    moved: dict[str, list[_Candidate]] = {}
    copies: dict[str, int] = {}
    errors = []
    for each in ours:
        same = [label for label in before[each.label] if values[label].rearranged(values[each.label])]
        moved[each.label] = [values[label] for label in same] + [v for label in same for v in moved[label]]
        best = _best(each, candidates, tolerance, behind=moved[each.label])
        # An addition of zeros has the value of its input: both must be there, or one was lost.
        equal = [label for label in before[each.label] if values[label].equals(values[each.label])]
        idle = each.operator in IDLE or not equal
        copies[each.label] = max([copies[label] for label in equal], default=0) + (0 if equal and idle else 1)
        if not idle and _times(values[each.label], candidates, tolerance) < copies[each.label]:
            best = None
        if each.label in theirs:
            named = tensor_error(each.value, theirs[each.label])
            best = named if best is None else min(best, named)
        errors.append(OperatorError(each.label, each.operator, best))
    return errors


def _first_wrong(
    errors: Sequence[OperatorError], before: Mapping[str, Sequence[str]], tolerance: float
) -> int | None:
    """An operator that is not found while some way from it to the end is wrong all along.

    One whose readers are all right again was only fused away, or renamed.
    """
    seen = {e.label: e.error is not None and e.error <= tolerance for e in errors}
    after: dict[str, list[str]] = {e.label: [] for e in errors}
    for label, read in before.items():
        for each in read:
            after[each].append(label)
    wrong: dict[str, bool] = {}
    for e in reversed(errors):
        goes_on = not after[e.label] or any(wrong.get(each, False) for each in after[e.label])
        wrong[e.label] = goes_on and not seen[e.label]
    return next(
        (i for i, e in enumerate(errors) if wrong[e.label] and not any(wrong[b] for b in before[e.label])),
        None,
    )


def _leaps(errors: Sequence[OperatorError], place: int, before: Mapping[str, Sequence[str]]) -> bool:
    """Whether an operator's error is far above that of all it reads: rounding grows, a fault leaps."""
    known = {e.label: e.error for e in errors}
    read = [known[label] for label in before[errors[place].label]]
    error = errors[place].error
    if error is None or any(each is None for each in read):
        return False
    return error > FINER * max([each for each in read if each is not None], default=0.0)


def _comparable(label: str, flow: Mapping[str, Sequence[str]], known: Mapping[str, None]) -> tuple[str, ...]:
    """The nearest operators before `label` that can be compared: what tells nothing is passed through."""
    found: dict[str, None] = {}
    waiting, done = list(flow.get(label, ())), {label}
    while waiting:
        each = waiting.pop()
        if each in done:
            continue
        done.add(each)
        if each in known:
            found[each] = None
        else:
            waiting += flow.get(each, ())
    return tuple(found)


def _candidates(values: Sequence[Any]) -> dict[int, list[_Candidate]]:
    """What an operator can be found again in, by size."""
    found: dict[int, list[_Candidate]] = {}
    for value in values:
        if _telling(value, fewest=FEWEST_ELEMENTS):
            found.setdefault(np.asarray(value).size, []).append(_Candidate(value))
    return found


def _best(
    operator: OperatorOutput,
    candidates: Mapping[int, Sequence[_Candidate]],
    tolerance: float,
    *,
    behind: Sequence[_Candidate] = (),
) -> float | None:
    """The error against the tensor that is most like an operator's output; None when nothing compares.

    Args:
        operator: Of the reference.
        candidates: The variant's tensors by size.
        tolerance: Scale-relative error that still agrees.
        behind: What the operator only rearranged: where that is found, the operator itself is not.
    """
    best: float | None = None
    wanted = _Candidate(operator.value)
    for candidate in candidates.get(operator.value.size, ()):
        if any(each.same(candidate, tolerance) for each in behind):
            continue
        found = wanted.moved_error(candidate) if behind else wanted.error(candidate, tolerance)
        if found is not None and (best is None or found < best):
            best = found
        if best is not None and best <= tolerance / FINER**2:
            break
    return best


def _times(wanted: _Candidate, candidates: Mapping[int, Sequence[_Candidate]], tolerance: float) -> int:
    """How many tensors of the variant have these numbers."""
    return sum(wanted.same(each, tolerance) for each in candidates.get(wanted.value.size, ()))


class _Candidate:
    """One tensor, compared with others whatever their layout."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value)
        self._shape = tuple(each for each in self.value.shape if each != 1)
        self._sorted: Any = None

    def error(self, other: _Candidate, tolerance: float) -> float | None:
        """Scale-relative error; None where as many numbers in another shape are no evidence either way."""
        if self._shape == other._shape:  # axes of one were added, or nothing was
            return tensor_error(self.value, other.value.reshape(self.value.shape))
        found = tensor_error(self.in_order(), other.in_order())
        turned = sorted(self._shape) == sorted(other._shape)  # NHWC for NCHW
        return found if turned or found <= tolerance else None

    def moved_error(self, other: _Candidate) -> float | None:
        """As `error`, but only the same order of numbers counts, in some order of the axes."""
        if self._shape == other._shape or self.value.ndim > MOST_AXES:
            return tensor_error(self.value.ravel(), other.value.ravel())
        if sorted(self._shape) != sorted(other._shape):
            return None
        mine, theirs = self.value.reshape(self._shape), other.value.reshape(other._shape)
        turns = (
            turn for turn in permutations(range(theirs.ndim)) if theirs.transpose(turn).shape == mine.shape
        )
        return min(tensor_error(mine, theirs.transpose(turn)) for turn in turns)

    def same(self, other: _Candidate, tolerance: float) -> bool:
        """Whether shape and numbers are the same."""
        return self._shape == other._shape and (
            tensor_error(self.value.ravel(), other.value.ravel()) <= tolerance
        )

    def equals(self, other: _Candidate) -> bool:
        """Whether nothing was changed."""
        return self._shape == other._shape and np.array_equal(self.value.ravel(), other.value.ravel())

    def rearranged(self, other: _Candidate) -> bool:
        """Whether the other has exactly these numbers in another shape or order."""
        if self.value.size != other.value.size or np.array_equal(self.value, other.value):
            return False
        return bool(np.array_equal(self.in_order(), other.in_order()))

    def in_order(self) -> Any:
        """The values in order: equal for equal tensors, whatever their layout."""
        if self._sorted is None:
            self._sorted = np.sort(self.value.astype("float64").ravel())
        return self._sorted


def _ended(errors: list[OperatorError], tolerance: float) -> list[OperatorError]:
    """Where the end itself has nothing of its size beside it, all behind the last equal has diverged."""
    if not errors or errors[-1].error is not None:
        return errors
    seen = [i for i, e in enumerate(errors) if e.error is not None and e.error <= tolerance]
    last = seen[-1] if seen else -1
    return [
        replace(each, error=float("inf")) if place > last and each.error is None else each
        for place, each in enumerate(errors)
    ]


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
