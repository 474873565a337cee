"""Comparators: how far two outputs lie apart, and whether that is too far (`M05`).

Never used: L2 that is not divided by sqrt(n) (it grows with the number of samples), relative error on the
tails of a softmax (it explodes on 1e-12), each side normalized by itself (ten times the truth looks equal),
accuracy alone (a flipped weight keeps it). A non-finite value, a dtype or a shape that differs is named
before any number is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.checks._finding import Text
from seatrial.checks._statistics import clopper_pearson

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What still counts as equal, by precision.

    Attributes:
        scale_relative: Largest error allowed as a share of the largest reference value.
        absolute: Allowed on top, for outputs that are almost zero.
        kl_mean: Mean Kullback-Leibler divergence allowed between probabilities, nats.
        disagreement: Upper 95 % bound allowed on the share of rows whose top-1 answer changed.
        cosine: Smallest cosine similarity allowed.
        tie: Two classes closer than twice this share of the scale may swap: that is a tie, not a changed
            answer. It never depends on the error that was measured, which would excuse a large one.
    """

    scale_relative: float
    absolute: float
    kl_mean: float
    disagreement: float
    cosine: float
    tie: float

    def bound(self, scale: float) -> float:
        """Largest absolute error allowed for outputs of this scale."""
        return self.scale_relative * scale + self.absolute


# Truly equal float32 models lie up to 8.5e-4 apart on real inputs, so classes that close are a tie.
# The float32 row is the floor; `calibrated` widens it for models that amplify rounding. The int8 row only
# catches a grid that is far too coarse: int8 is judged by its answers.
TOLERANCES = {
    "float32": Tolerance(1e-5, 1e-6, 1e-7, 0.0, 0.99999, 1e-3),
    "float16": Tolerance(1e-2, 1e-5, 1e-4, 0.005, 0.9999, 1e-2),
    "bfloat16": Tolerance(4e-2, 1e-5, 1e-3, 0.005, 0.999, 1e-2),
    "int8": Tolerance(0.2, 1e-5, 1e-2, 0.01, 0.99, 1e-2),
}

# No float32 runtime is believed beyond this, however the model amplifies: twelve times the 8.5e-4 that was
# the largest spread measured between truly equal models, and a third of the smallest seeded fault (2.7e-2).
CEILING = 1e-2


def calibrated(precision: str, spread: float) -> Tolerance:
    """The tolerance of a precision, widened to ten times the natural spread of this model.

    Args:
        precision: `float32`, `float16`, `bfloat16` or `int8`.
        spread: Scale-relative change of the *reference* when its inputs move by float32 rounding noise; it
            comes from the reference alone, so that a wrong variant cannot excuse itself.
    """
    base = TOLERANCES[precision]
    allowed = min(max(base.scale_relative, 10 * spread), max(CEILING, base.scale_relative))
    widened = allowed / base.scale_relative
    # KL grows with the square of the error.
    kl_mean = base.kl_mean * widened**2
    cosine = 1 - (1 - base.cosine) * widened
    return replace(
        base, scale_relative=allowed, kl_mean=kl_mean, cosine=cosine, tie=max(base.tie, min(allowed, CEILING))
    )


@dataclass(frozen=True)
class Comparison:
    """Everything that is told apart between a reference output and another.

    Attributes:
        rows: Rows (samples) compared.
        elements: Elements compared.
        structure: Why the two cannot be compared at all (shape, dtype, non-finite mask), or None.
        scale: Largest finite absolute value of the reference.
        max_abs: Largest absolute error; infinite when `structure` says no.
        rms: Root mean square error: L2 / sqrt(n).
        cosine: Cosine similarity of the two, flattened.
        kl_mean: Mean divergence of rows that are probabilities; None for other outputs.
        disagreements: Rows whose top-1 answer changed though the reference was sure of it.
        near_ties: Rows whose top-1 answer changed where the reference had a tie: nobody's fault.
        row_errors: Largest absolute error of each row.
    """

    rows: int
    elements: int
    structure: Text | None
    scale: float
    max_abs: float
    rms: float
    cosine: float
    kl_mean: float | None
    disagreements: int
    near_ties: int
    row_errors: tuple[float, ...] = ()

    @property
    def scale_relative(self) -> float:
        """Largest error as a share of the largest reference value."""
        return self.max_abs / self.scale if self.scale > 0 else (0.0 if self.max_abs == 0 else math.inf)

    @property
    def identical(self) -> bool:
        """Whether every bit is the same, as far as values tell."""
        return not self.structure and self.max_abs == 0


def compare(reference: Any, other: Any, *, tie: float = 1e-5, same_dtype: bool = True) -> Comparison:
    """Measures one output against its reference.

    Args:
        reference: Output of the reference, rows first.
        other: Output of the variant.
        tie: `Tolerance.tie`.
        same_dtype: Whether another dtype is a defect; a float16 variant may hand out float16.
    """
    a, b = np.asarray(reference), np.asarray(other)
    rows = int(a.shape[0]) if a.ndim else 1
    wrong = _structure(a, b, same_dtype=same_dtype)
    if wrong:
        return Comparison(rows, a.size, wrong, _scale(a), math.inf, math.inf, 0.0, None, rows, 0)
    if not a.size:
        return Comparison(rows, 0, None, 0.0, 0.0, 0.0, 1.0, None, 0, 0)
    x, y = _wide(a), _wide(b)
    finite = np.isfinite(x)
    error = np.abs(np.where(finite, x, 0) - np.where(finite, y, 0))
    scale = _scale(x)
    disagreements, near_ties = _top1(x, y, 2 * tie * scale)
    return Comparison(
        rows=rows,
        elements=int(a.size),
        structure=None,
        scale=scale,
        max_abs=float(error.max()),
        rms=float(np.sqrt(np.mean(error**2))),
        cosine=_cosine(np.where(finite, x, 0), np.where(finite, y, 0)),
        kl_mean=_kl_mean(x, y),
        disagreements=disagreements,
        near_ties=near_ties,
        row_errors=tuple(float(each) for each in error.reshape(rows, -1).max(axis=1)),
    )


def merge(parts: Sequence[Comparison]) -> Comparison:
    """One comparison for several batches of one output."""
    if len(parts) == 1:
        return parts[0]
    elements = sum(each.elements for each in parts)
    kls = [(each.kl_mean, each.rows) for each in parts if each.kl_mean is not None]
    rows_with_kl = sum(rows for _, rows in kls)
    squares = sum(each.rms**2 * each.elements for each in parts)
    return Comparison(
        rows=sum(each.rows for each in parts),
        elements=elements,
        structure=next((each.structure for each in parts if each.structure), None),
        scale=max(each.scale for each in parts),
        max_abs=max(each.max_abs for each in parts),
        rms=math.sqrt(squares / elements) if elements else 0.0,
        cosine=min(each.cosine for each in parts),
        kl_mean=sum(kl * rows for kl, rows in kls) / rows_with_kl if rows_with_kl else None,
        disagreements=sum(each.disagreements for each in parts),
        near_ties=sum(each.near_ties for each in parts),
        row_errors=tuple(error for each in parts for error in each.row_errors),
    )


def objections(found: Comparison, tolerance: Tolerance) -> list[Text]:
    """Why this comparison is outside the tolerance, worst kind first; empty when it is inside."""
    if found.structure:
        return [found.structure]
    said: list[Text] = []
    bound = tolerance.bound(found.scale)
    if not found.max_abs <= bound:
        said.append(_above("max abs error", "最大绝对误差", found.max_abs, bound))
    if found.kl_mean is not None and not found.kl_mean <= tolerance.kl_mean:
        said.append(_above("mean KL", "平均 KL 散度", found.kl_mean, tolerance.kl_mean))
    if found.disagreements > allowed_disagreements(found.rows, tolerance.disagreement):
        moved, rows = found.disagreements, found.rows
        said.append(
            Text(f"top-1 changed on {moved} of {rows} rows", f"{rows} 行中有 {moved} 行的首选类别改变")
        )
    if not found.cosine >= tolerance.cosine - 1e-9:
        said.append(
            Text(
                f"cosine {found.cosine:.6f} below {tolerance.cosine:.6f}",
                f"余弦相似度 {found.cosine:.6f} 低于 {tolerance.cosine:.6f}",
            )
        )
    return said


def _above(en: str, zh: str, value: float, bound: float) -> Text:
    return Text(f"{en} {value:.2g} above {bound:.2g}", f"{zh} {value:.2g} 超过 {bound:.2g}")


def allowed_disagreements(rows: int, share: float) -> int:
    """Most changed answers of `rows` that do not yet prove a true share above `share`.

    With a share of 0 nothing may change. Otherwise a count is proof when the exact binomial test rejects
    "at most `share`" at 5 %.
    """
    if share <= 0:
        return 0
    from scipy.stats import binom

    return int(binom.ppf(0.95, rows, share))


def disagreement_interval(changed: int, rows: int) -> tuple[float, float]:
    """Exact (Clopper-Pearson) 95 % interval of the share of changed answers; 3/n above when none changed."""
    if not rows:
        return 0.0, 1.0
    if changed == 0:
        return 0.0, min(1.0, 1 - 0.05 ** (1 / rows))
    exact = clopper_pearson(changed, rows)
    return exact.low, exact.high


def _structure(a: Array, b: Array, *, same_dtype: bool) -> Text | None:
    if a.shape != b.shape:
        return _instead("shape", "形状", list(b.shape), list(a.shape))
    if a.dtype != b.dtype and (same_dtype or a.dtype.kind != b.dtype.kind):
        return _instead("dtype", "数据类型", b.dtype, a.dtype)
    if a.dtype.kind not in "fiub":
        if np.array_equal(a, b):
            return None
        return Text(f"values of dtype {a.dtype} differ", f"类型为 {a.dtype} 的值不同")
    x, y = _wide(a), _wide(b)
    for name, test in (("NaN", np.isnan), ("+Inf", np.isposinf), ("-Inf", np.isneginf)):
        one, other = test(x), test(y)
        if not np.array_equal(one, other):
            return _instead(f"{name} count", f"{name} 个数", int(other.sum()), int(one.sum()))
    return None


def _instead(en: str, zh: str, there: Any, expected: Any) -> Text:
    return Text(f"{en} {there} where the reference has {expected}", f"{zh}为 {there}，而参考为 {expected}")


def _wide(array: Array) -> NDArray[np.float64]:
    return array.astype("float64") if array.dtype.kind in "fiub" else np.zeros(array.shape, "float64")


def _scale(array: Array) -> float:
    if array.dtype.kind not in "fiub" or not array.size:
        return 0.0
    wide = np.abs(_wide(array))
    finite = wide[np.isfinite(wide)]
    return float(finite.max()) if finite.size else 0.0


def _cosine(x: Array, y: Array) -> float:
    # Scaled first: the norm of values near 1e200 would overflow.
    scale = max(float(np.abs(x).max()), float(np.abs(y).max()))
    if scale == 0:
        return 1.0
    one, other = (x / scale).ravel(), (y / scale).ravel()
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norms if norms > 0 else 0.0


def _is_probability(x: Array) -> bool:
    if x.ndim < 2 or x.shape[-1] < 2 or not np.isfinite(x).all():
        return False
    return bool((x >= -1e-6).all() and np.allclose(x.sum(axis=-1), 1, atol=1e-3))


def _kl_mean(x: Array, y: Array) -> float | None:
    if not _is_probability(x):
        return None
    p, q = np.clip(x, 1e-12, None), np.clip(y, 1e-12, None)
    p, q = p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)
    return float(max(0.0, np.mean(np.sum(p * np.log(p / q), axis=-1))))


def _top1(x: Array, y: Array, tie: float) -> tuple[int, int]:
    """Rows of classes whose arg max moved: (where the reference was sure, where it had a tie)."""
    if x.ndim < 2 or x.shape[-1] < 2 or not (x.ndim == 2 or _is_probability(x)):
        return 0, 0
    classes = x.shape[-1]
    flat_x, flat_y = x.reshape(-1, classes), y.reshape(-1, classes)
    moved = flat_x.argmax(axis=1) != flat_y.argmax(axis=1)
    if not moved.any():
        return 0, 0
    top_two = np.partition(flat_x[moved], classes - 2, axis=1)[:, -2:]
    ties = top_two[:, 1] - top_two[:, 0] <= tie
    return int((~ties).sum()), int(ties.sum())
