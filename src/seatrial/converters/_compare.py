"""Compares a converted model with its source, element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.contract.sample import Array

# Outputs smaller than this all over (a detector that sees nothing) are compared as if they were this large:
# what float32 leaves of 1e-7 after a sigmoid is rounding.
SMALLEST_SCALE = 1e-3


@dataclass(frozen=True)
class Comparison:
    """One batch through both models.

    Attributes:
        case: What the batch was, such as `3 samples, lengths 1..24`.
        shapes: Shapes of the inputs.
        error: Largest difference of one element, over all outputs.
        relative: `error` of each output over the largest magnitude in the source's, the worst output.
        top1: Rows whose strongest class is the same, 0..1; 1 where the output has no classes.
        problem: Why the two differ, in words; empty when they agree.
        faint: Whether the source's outputs were all under `SMALLEST_SCALE`, so that little was compared.
    """

    case: str
    shapes: Mapping[str, tuple[int, ...]]
    error: float
    relative: float
    top1: float
    problem: str = ""
    faint: bool = False

    def __str__(self) -> str:
        """One line for people."""
        told = f"{self.case}: largest difference {self.error:.1e} ({self.relative:.1e} of the range)"
        return f"{told}, top-1 {self.top1:.1%}" + (f" - {self.problem}" if self.problem else "")


def compare(
    case: str,
    feeds: Mapping[str, Array],
    source: Sequence[Array],
    result: Sequence[Array],
    *,
    tolerance: float,
) -> Comparison:
    """Judges the outputs of one batch.

    Args:
        case: What the batch was.
        feeds: The batch.
        source: Outputs of the source model.
        result: Outputs of the converted one, in the same order.
        tolerance: Largest difference allowed, as a part of the output's largest magnitude.
    """
    shapes = {name: tuple(array.shape) for name, array in feeds.items()}
    if len(source) != len(result):
        return Comparison(
            case, shapes, np.inf, np.inf, 0.0, f"{len(result)} outputs instead of {len(source)}"
        )
    error = relative = 0.0
    agreement = 1.0
    problems = []
    for place, (wanted, got) in enumerate(zip(source, result, strict=True)):
        difference, part, problem = _one(wanted, got, tolerance)
        error, relative = max(error, difference), max(relative, part)
        if not problem:
            same = top1(wanted, got, difference)
            agreement = min(agreement, same)
            problem = f"only {same:.1%} of the rows keep their strongest class" if same < 1 else ""
        if problem:
            problems.append(f"output {place}: {problem}")
    faint = all(_magnitude(each) < SMALLEST_SCALE for each in source)
    return Comparison(case, shapes, error, relative, agreement, "; ".join(problems), faint)


def _magnitude(array: Array) -> float:
    if not array.size or array.dtype.kind not in "fc":
        return np.inf
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else np.inf


def _one(wanted: Array, got: Array, tolerance: float) -> tuple[float, float, str]:
    if wanted.shape != got.shape:
        return np.inf, np.inf, f"shape {list(got.shape)} instead of {list(wanted.shape)}"
    if wanted.dtype.kind != got.dtype.kind:
        return np.inf, np.inf, f"{got.dtype} instead of {wanted.dtype}"
    if not wanted.size:
        return 0.0, 0.0, ""
    if wanted.dtype.kind not in "fc":
        wrong = int(np.count_nonzero(wanted != got))
        return float(wrong), wrong / wanted.size, f"{wrong} of {wanted.size} integers differ" if wrong else ""
    finite = np.isfinite(wanted)
    if not np.array_equal(finite, np.isfinite(got)):
        return np.inf, np.inf, "NaN or infinity in other places"
    if not finite.any():
        return 0.0, 0.0, ""
    error = float(np.abs(wanted[finite].astype("float64") - got[finite].astype("float64")).max())
    scale = max(float(np.abs(wanted[finite]).max()), SMALLEST_SCALE)
    wrong = int(np.count_nonzero(np.abs(wanted[finite] - got[finite]) > tolerance * scale))
    problem = (
        f"{wrong} of {wanted.size} elements differ by up to {error:.2g}, range {scale:.2g}" if wrong else ""
    )
    return error, error / scale, problem


def top1(wanted: Array, got: Array, error: float) -> float:
    """The part of rows whose strongest class is the same; rows where two classes tie are not counted.

    A tie is a margin that the measured difference can turn over by itself.
    """
    if wanted.ndim < 2 or wanted.shape[-1] < 2 or wanted.dtype.kind != "f":
        return 1.0
    rows, others = wanted.reshape(-1, wanted.shape[-1]), got.reshape(-1, got.shape[-1])
    strongest = np.partition(rows, -2, axis=-1)[:, -2:]
    clear = strongest[:, 1] - strongest[:, 0] > 2 * error
    if not clear.any():
        return 1.0
    return float((rows.argmax(-1) == others.argmax(-1))[clear].mean())
