"""Figures of classifiers: precision, recall, F1, AUC, calibration, confusions (`M04`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from seatrial.checks._inference import Predictions
from seatrial.checks._statistics import Interval, bootstrap
from seatrial.contract import Contract

UNANSWERED = -1


@dataclass(frozen=True)
class ClassView:
    """Classes said and true, by sample.

    Attributes:
        truth: Index of the true class, int64 `[n]`.
        said: Index of the answered class, -1 where there is no answer, int64 `[n]`.
        probabilities: `[n, classes]`, or None when the model gives none (argmax in the graph).
        names: By class index; may be empty.
    """

    truth: NDArray[np.int64]
    said: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    names: tuple[str, ...]

    def name(self, index: int) -> str:
        """The class for people."""
        if index == UNANSWERED:
            return "no answer"
        return self.names[index] if index < len(self.names) else str(int(index))

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the class said, or NaN."""
        if self.probabilities is None:
            return np.full(len(self.said), np.nan)
        return self.probabilities[np.arange(len(self.said)), np.maximum(self.said, 0)]


def view(
    passed: Predictions, contract: Contract
) -> tuple[ClassView, tuple[int, ...], tuple[tuple[str, str], ...]]:
    """Classes of the labelled samples, their places, and the keys whose label is no class of the model."""
    scores = [_scores(row) for row in passed.outputs]
    count = len(contract.labels) or max((len(each) for each in scores if each is not None), default=0)
    truth, said, places, bad = [], [], [], []
    for place, sample in enumerate(passed.samples):
        if sample.label is None:
            continue
        index = class_index(sample.label, contract.labels)
        if index is None or not 0 <= index < max(count, 1):
            bad.append((sample.key, f"label {sample.label!r} is none of the {count} classes"))
            continue
        places.append(place)
        truth.append(index)
        said.append(_said(passed.answers[place], scores[place], contract.labels))
    rows = [scores[place] for place in places]
    known = [each for each in rows if each is not None]
    full = known and len({len(each) for each in known}) == 1 and len(known[0]) >= 2
    empty = np.full(len(known[0]), 1 / len(known[0])) if full else None
    probabilities = np.array([empty if each is None else _probable(each) for each in rows]) if full else None
    return (
        ClassView(np.array(truth, "int64"), np.array(said, "int64"), probabilities, contract.labels),
        tuple(places),
        tuple(bad),
    )


def class_index(label: Any, names: tuple[str, ...]) -> int | None:
    """Index of a label given as index or name; None when it is neither."""
    if isinstance(label, str):
        return names.index(label) if label in names else int(label) if label.isdecimal() else None
    return int(label) if isinstance(label, int | np.integer) and not isinstance(label, bool) else None


def _said(answer: Any, scores: NDArray[np.float64] | None, names: tuple[str, ...]) -> int:
    if isinstance(answer, Mapping) and "index" in answer:
        return int(answer["index"])
    if isinstance(answer, Mapping) and "class" in answer:
        found = class_index(answer["class"], names)
        return UNANSWERED if found is None else found
    return UNANSWERED if answer is None or scores is None else int(scores.argmax())


def _scores(row: tuple[Any, ...] | None) -> NDArray[np.float64] | None:
    """The sample's scores by class, when its first output is a row of them."""
    if not row or np.asarray(row[0]).ndim != 2 or np.asarray(row[0]).dtype.kind != "f":
        return None
    scores: NDArray[np.float64] = np.asarray(row[0], "float64")[0]
    return scores


def _probable(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores as probabilities: as they are when they already are, else their softmax."""
    if scores.min() >= -1e-6 and abs(scores.sum() - 1) < 1e-3:
        return np.clip(scores, 0.0, 1.0)
    finite = np.where(np.isfinite(scores), scores, -1e30)
    power = np.exp(finite - finite.max())
    result: NDArray[np.float64] = power / power.sum()
    return result


def figures(view: ClassView, *, seed: int) -> dict[str, Interval]:
    """Macro precision, recall and F1, AUC one against the rest, and calibration error, with intervals."""
    n = len(view.truth)
    found = {
        "precision_macro": bootstrap(n, lambda rows: _macro(view, rows)[0], seed=seed, rounds=200),
        "recall_macro": bootstrap(n, lambda rows: _macro(view, rows)[1], seed=seed, rounds=200),
        "f1_macro": bootstrap(n, lambda rows: _macro(view, rows)[2], seed=seed, rounds=200),
    }
    if view.probabilities is not None:
        found["auc_one_vs_rest"] = bootstrap(n, lambda rows: _auc(view, rows), seed=seed, rounds=100)
        found["calibration_error"] = bootstrap(
            n,
            lambda rows: calibration_error(view.confidence[rows], (view.said == view.truth)[rows]),
            seed=seed,
        )
    return {name: each for name, each in found.items() if np.isfinite(each.value)}


def _macro(view: ClassView, rows: NDArray[np.int64]) -> tuple[float, float, float]:
    """Precision, recall and F1, mean over the classes that occur (scikit-learn's figures, by counting)."""
    truth, said = view.truth[rows], view.said[rows]
    count = int(max(truth.max(initial=0), said.max(initial=0), view.truth.max(initial=0))) + 1
    hit = np.bincount(truth[truth == said], minlength=count)
    real = np.bincount(truth, minlength=count)
    told = np.bincount(said[said >= 0], minlength=count)
    occurs = (real + told) > 0
    precision = hit[occurs] / np.maximum(told[occurs], 1)
    recall = hit[occurs] / np.maximum(real[occurs], 1)
    f1 = 2 * hit[occurs] / np.maximum(real[occurs] + told[occurs], 1)
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


def _auc(view: ClassView, rows: NDArray[np.int64]) -> float:
    """Area under the ROC curve, mean over classes that have both kinds of samples; by ranks, ties halved."""
    from scipy.stats import rankdata

    assert view.probabilities is not None  # noqa: S101 - only asked when there are some
    truth, values = view.truth[rows], view.probabilities[rows]
    ranks = rankdata(values, axis=0)
    areas = []
    for index in np.unique(truth):
        mine = truth == index
        count = int(mine.sum())
        if index < values.shape[1] and 0 < count < len(truth):
            own = ranks[mine, index].sum() - count * (count + 1) / 2
            areas.append(own / (count * (len(truth) - count)))
    return float(np.mean(areas)) if areas else float("nan")


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017): mean gap of confidence and accuracy over equal bins."""
    place = np.minimum((confidence * bins).astype("int64"), bins - 1)
    said = np.bincount(place, weights=confidence, minlength=bins)
    was = np.bincount(place, weights=right.astype("float64"), minlength=bins)
    return float(np.abs(said - was).sum() / max(len(confidence), 1))


def reliability(view: ClassView, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and samples of each bin that has any."""
    confidence, right = view.confidence, view.said == view.truth
    place = np.minimum((confidence * bins).astype("int64"), bins - 1)
    return [
        (
            float(confidence[place == each].mean()),
            float(right[place == each].mean()),
            int((place == each).sum()),
        )
        for each in range(bins)
        if (place == each).any()
    ]


def roc(view: ClassView, *, points: int = 120) -> tuple[list[float], list[float]]:
    """The ROC curve over all classes one against the rest (micro average), thinned to `points`."""
    assert view.probabilities is not None  # noqa: S101 - only asked when there are some
    one_hot = np.arange(view.probabilities.shape[1])[None] == view.truth[:, None]
    false, true, _ = metrics.roc_curve(one_hot.ravel(), view.probabilities.ravel())
    keep = np.unique(np.linspace(0, len(false) - 1, min(points, len(false))).astype(int))
    return false[keep].tolist(), true[keep].tolist()


def confusions(view: ClassView, *, most: int = 12) -> list[tuple[str, str, int]]:
    """The pairs of true and answered class that are confused most often."""
    wrong = view.truth != view.said
    pairs, counts = np.unique(
        np.stack([view.truth[wrong], view.said[wrong]], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:most]
    return [(view.name(pairs[each][0]), view.name(pairs[each][1]), int(counts[each])) for each in order]


def by_class(view: ClassView) -> list[tuple[int, int, int, int]]:
    """Class index, samples of it, answered rightly, and times it was answered; for classes that occur."""
    rows = []
    for index in np.unique(view.truth):
        mine = view.truth == index
        rows.append(
            (
                int(index),
                int(mine.sum()),
                int((view.said[mine] == index).sum()),
                int((view.said == index).sum()),
            )
        )
    return rows
