"""Answers against truths, by task: one score a sample, and the figures of the whole (`M04`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.checks._accuracy import metrics_boxes as boxes
from seatrial.checks._accuracy import metrics_classes as classes
from seatrial.checks._inference import Predictions
from seatrial.checks._statistics import Interval, Scores, bootstrap, wilson
from seatrial.contract import Contract

_ROUNDS = 400  # resamples of the bootstrap


@dataclass(frozen=True)
class Evaluation:
    """How well samples were answered.

    Attributes:
        task: As judged; a `tensor` contract with class indices as labels is judged as classification.
        primary: Name of the figure that decides.
        places: Place of each judged sample among those of the pass (labelled ones; unanswered score 0).
        scores: One in [0, 1] for each judged sample; the mean of them is what baselines compare.
        metrics: Figures by name with their 95 % intervals.
        classes: Class details, for classification.
        said: For each judged sample what was answered, for people.
        truth: For each judged sample the truth, for people.
        bad_labels: Keys and reasons of samples whose label is no label of this task.
        details: Further tables' raw material by name.
    """

    task: str
    primary: str
    places: tuple[int, ...]
    scores: Scores
    metrics: Mapping[str, Interval]
    classes: classes.ClassView | None = None
    said: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    bad_labels: tuple[tuple[str, str], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> Interval:
        """The figure that decides."""
        return self.metrics[self.primary]

    @property
    def exact(self) -> bool:
        """Whether every sample is either right or wrong."""
        return bool(np.isin(self.scores, (0.0, 1.0)).all())


def evaluate(passed: Predictions, contract: Contract, *, seed: int) -> Evaluation:
    """Judges a pass over labelled samples.

    Args:
        passed: Answers in the order of their samples; an unanswered sample counts as wrong.
        contract: Its task chooses the metrics.
        seed: Of the bootstrap.
    """
    task = _task(passed, contract)
    judge = _JUDGES[task]
    return judge(passed, contract, seed, _ROUNDS)


def _task(passed: Predictions, contract: Contract) -> str:
    if contract.task != "tensor":
        return contract.task
    labels = [each.label for each in passed.samples if each.label is not None]
    flat = bool(contract.outputs) and len(contract.outputs[0].shape) == 2
    whole = all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in labels)
    return "classification" if labels and flat and whole else "tensor"


def _labelled(passed: Predictions) -> list[int]:
    return [place for place, sample in enumerate(passed.samples) if sample.label is not None]


def _classification(passed: Predictions, contract: Contract, seed: int, rounds: int) -> Evaluation:
    del rounds  # class figures choose their own
    view, places, bad = classes.view(passed, contract)
    scores = (view.said == view.truth).astype("float64")
    metrics: dict[str, Interval] = {}
    if len(scores):
        metrics["accuracy"] = wilson(int(scores.sum()), len(scores))
        metrics |= classes.figures(view, seed=seed)
    return Evaluation(
        task="classification",
        primary="accuracy",
        places=places,
        scores=scores,
        metrics=metrics,
        classes=view,
        said=tuple(view.name(each) for each in view.said),
        truth=tuple(view.name(each) for each in view.truth),
        bad_labels=bad,
    )


def _text(passed: Predictions, contract: Contract, seed: int, rounds: int) -> Evaluation:
    """Lines are compared without spaces, as PaddleOCR judges them; `line_accuracy_strict` counts them too."""
    places = _labelled(passed)
    truth = [str(passed.samples[place].label) for place in places]
    said = [str(_field(passed.answers[place], "text", "")) for place in places]
    bare = [("".join(a.split()), "".join(b.split())) for a, b in zip(said, truth, strict=True)]
    wrong = np.array([edit_distance(a, b) for a, b in bare], "float64")
    length = np.array([len(each) for _, each in bare], "float64")
    answered = np.array([passed.answers[place] is not None for place in places], bool)
    scores = ((wrong == 0) & answered).astype("float64")
    metrics: dict[str, Interval] = {}
    if places:
        metrics["line_accuracy"] = wilson(int(scores.sum()), len(scores))
        metrics["line_accuracy_strict"] = wilson(
            sum(a == b for a, b in zip(said, truth, strict=True)), len(scores)
        )
        metrics["character_error_rate"] = bootstrap(
            len(wrong),
            lambda rows: float(wrong[rows].sum() / max(length[rows].sum(), 1)),
            seed=seed,
            rounds=rounds,
        )
    return Evaluation(
        task=contract.task,
        primary="line_accuracy",
        places=tuple(places),
        scores=scores,
        metrics=metrics,
        said=tuple(said),
        truth=tuple(truth),
        details={"edits": wrong.astype(int).tolist()},
    )


def edit_distance(one: str, other: str) -> int:
    """Fewest insertions, deletions and replacements of characters between two texts (Levenshtein 1966)."""
    if len(one) < len(other):
        one, other = other, one
    row = list(range(len(other) + 1))
    for place, left in enumerate(one, start=1):
        before, row[0] = row[0], place
        for column, right in enumerate(other, start=1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (left != right)),
            )
    return row[-1]


def _detection(passed: Predictions, contract: Contract, seed: int, rounds: int) -> Evaluation:
    places, matches, bad = [], [], []
    for place in _labelled(passed):
        try:
            truth = boxes.regions(passed.samples[place].label, contract.labels)
        except (ValueError, TypeError, KeyError) as error:
            bad.append((passed.samples[place].key, f"its label is no list of boxes: {error}"))
            continue
        answer = passed.answers[place]
        said = boxes.regions(answer, contract.labels) if answer is not None else boxes.NOTHING
        places.append(place)
        matches.append(boxes.match(said, truth))
    metrics = (
        boxes.figures(matches, seed=seed, average=contract.task == "detection", rounds=rounds)
        if matches
        else {}
    )
    return Evaluation(
        task=contract.task,
        primary="hmean",
        places=tuple(places),
        scores=np.array([each.hmean for each in matches], "float64"),
        metrics=metrics,
        said=tuple(f"{each.found} of {each.said} boxes right" for each in matches),
        truth=tuple(f"{each.truth} boxes" for each in matches),
        bad_labels=tuple(bad),
    )


def _segmentation(passed: Predictions, contract: Contract, seed: int, rounds: int) -> Evaluation:
    places, tables, bad = [], [], []
    count = max(len(contract.labels), 2)
    for place in _labelled(passed):
        truth = np.asarray(passed.samples[place].label)
        answer = passed.answers[place]
        said = np.asarray(answer["mask"]) if isinstance(answer, Mapping) and "mask" in answer else None
        if truth.ndim != 2 or (said is not None and said.shape != truth.shape):
            shown = None if said is None else said.shape
            bad.append((passed.samples[place].key, f"its mask is {truth.shape}, the answer {shown}"))
            continue
        count = max(
            count, int(truth.max(initial=0)) + 1, int(said.max(initial=0)) + 1 if said is not None else 0
        )
        places.append(place)
        tables.append((truth, said))
    unions = [_overlap(truth, said, count) for truth, said in tables]
    metrics: dict[str, Interval] = {}
    if unions:
        both = np.array([each[0] for each in unions])
        either = np.array([each[1] for each in unions])
        metrics["mean_iou"] = bootstrap(
            len(both), lambda rows: _mean_iou(both[rows], either[rows]), seed=seed, rounds=rounds
        )
    scores = np.array([_mean_iou(one[None], all_[None]) for one, all_ in unions], "float64")
    said_text = tuple(f"IoU {each:.3f}" for each in scores)
    return Evaluation(
        contract.task,
        "mean_iou",
        tuple(places),
        scores,
        metrics,
        None,
        said_text,
        ("mask",) * len(places),
        tuple(bad),
    )


def _overlap(truth: NDArray[Any], said: NDArray[Any] | None, count: int) -> tuple[Scores, Scores]:
    """Pixels by class that both have, and that either has."""
    real = np.bincount(truth.ravel().astype("int64"), minlength=count).astype("float64")
    if said is None:
        return np.zeros(count), real
    told = np.bincount(said.ravel().astype("int64"), minlength=count).astype("float64")
    both = np.bincount(truth[truth == said].astype("int64"), minlength=count).astype("float64")
    return both, real + told - both


def _mean_iou(both: Scores, either: Scores) -> float:
    seen = either.sum(axis=0) > 0
    return float((both.sum(axis=0)[seen] / either.sum(axis=0)[seen]).mean()) if seen.any() else float("nan")


def _regression(passed: Predictions, contract: Contract, seed: int, rounds: int) -> Evaluation:
    places = _labelled(passed)
    truth = np.array([float(passed.samples[place].label) for place in places])
    said = np.array([float(_field(passed.answers[place], "value", np.nan)) for place in places])
    middle = float(np.median(truth)) if places else 0.0
    error = np.abs(np.where(np.isfinite(said), said, middle) - truth)
    scale = float(np.abs(truth - middle).mean()) if places else 1.0
    # A sample scores by its error in units of the spread, so that it is bounded and comparable.
    scores = np.clip(1 - error / (2 * scale or 1.0), 0.0, 1.0)
    metrics: dict[str, Interval] = {}
    if places:
        n = len(truth)
        metrics["r2"] = bootstrap(n, lambda rows: _r2(error[rows], truth[rows]), seed=seed, rounds=rounds)
        metrics["mae"] = bootstrap(n, lambda rows: float(error[rows].mean()), seed=seed, rounds=rounds)
        metrics["rmse"] = bootstrap(
            n, lambda rows: float(np.sqrt((error[rows] ** 2).mean())), seed=seed, rounds=rounds
        )
    return Evaluation(
        contract.task,
        "r2",
        tuple(places),
        scores,
        metrics,
        said=tuple(f"{each:.4g}" for each in said),
        truth=tuple(f"{each:.4g}" for each in truth),
    )


def _r2(error: Scores, truth: Scores) -> float:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float((error**2).sum()) / spread if spread else float("nan")


def _tensor(passed: Predictions, contract: Contract, seed: int, rounds: int) -> Evaluation:
    del seed, rounds
    places, scores, errors, bad = [], [], [], []
    for place in _labelled(passed):
        row = passed.outputs[place]
        truth = np.asarray(passed.samples[place].label)
        if truth.dtype.kind not in "biuf":
            bad.append((passed.samples[place].key, "its label is no array of numbers"))
            continue
        said = None if row is None else np.asarray(row[0])[0]
        close = (
            said is not None and said.shape == truth.shape and np.allclose(said, truth, rtol=1e-2, atol=1e-3)
        )
        same = said is not None and said.shape == truth.shape
        errors.append(
            float(np.abs(said - truth).max(initial=0)) if same and said is not None else float("nan")
        )
        places.append(place)
        scores.append(float(close))
    metrics = {"close_share": wilson(int(sum(scores)), len(scores))} if scores else {}
    said_text = tuple(f"max abs error {each:.3g}" for each in errors)
    return Evaluation(
        contract.task,
        "close_share",
        tuple(places),
        np.array(scores, "float64"),
        metrics,
        None,
        said_text,
        ("array",) * len(places),
        tuple(bad),
    )


def _field(answer: Any, name: str, missing: Any) -> Any:
    return answer.get(name, missing) if isinstance(answer, Mapping) else missing


def shuffled_scores(passed: Predictions, contract: Contract, *, seed: int, rounds: int) -> Sequence[float]:
    """What a model would reach that does not look at its input: the same answers, given to other samples.

    Returns:
        The mean score of each of `rounds` shuffles.
    """
    random = np.random.default_rng(seed)
    means = []
    for _ in range(rounds):
        order = random.permutation(len(passed))
        mixed = Predictions(
            samples=passed.samples,
            outputs=tuple(passed.outputs[each] for each in order),
            answers=tuple(passed.answers[each] for each in order),
            feeds=passed.feeds,
            contexts=tuple(passed.contexts[each] for each in order),
            failures=(),
            runtime=passed.runtime,
            exercise=passed.exercise,
        )
        means.append(float(_JUDGES[_task(passed, contract)](mixed, contract, seed, 1).scores.mean()))
    return means


_JUDGES: Mapping[str, Callable[[Predictions, Contract, int, int], Evaluation]] = {
    "classification": _classification,
    "text-classification": _classification,
    "text-recognition": _text,
    "text-detection": _detection,
    "detection": _detection,
    "segmentation": _segmentation,
    "regression": _regression,
    "tensor": _tensor,
}
