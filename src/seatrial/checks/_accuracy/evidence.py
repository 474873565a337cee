"""What the accuracy check shows: figures with intervals, ROC, reliability, confusions, worst samples."""

from __future__ import annotations

import numpy as np

from seatrial.checks._accuracy import metrics_classes as classes
from seatrial.checks._accuracy.metrics import Evaluation
from seatrial.checks._finding import Chart, Evidence, Picture, Series, Table, Text
from seatrial.checks._inference import Predictions
from seatrial.checks._pictures import picture, picture_of, sheet

_WORST = 8


def evidence_of(passed: Predictions, found: Evaluation) -> tuple[Evidence, ...]:
    """All evidence of one evaluation."""
    shown: list[Evidence] = [_figures(found)]
    view = found.classes
    if view is not None:
        if view.probabilities is not None and len(np.unique(view.truth)) > 1:
            shown += [_roc(view), _reliability(view)]
        pairs = classes.confusions(view)
        if pairs:
            title = Text("Most frequent confusions", "最常见的混淆")
            shown.append(Table(title, ("truth", "answer", "samples"), tuple(pairs)))
    worst = worst_places(found)
    if worst:
        shown.append(_worst_table(passed, found, worst))
        drawn = _worst_picture(passed, found, worst)
        if drawn is not None:
            shown.append(drawn)
    return tuple(shown)


def worst_places(found: Evaluation) -> list[int]:
    """Rows answered worst; among the wrong ones of a classifier those it was surest of."""
    wrong = np.flatnonzero(found.scores < 1.0)
    order = found.scores[wrong].copy()
    if found.classes is not None and found.classes.probabilities is not None:
        order -= found.classes.confidence[wrong]
    if "edits" in found.details:
        order -= np.array(found.details["edits"], "float64")[wrong]
    return [int(each) for each in wrong[np.argsort(order, kind="stable")][:_WORST]]


def _figures(found: Evaluation) -> Table:
    rows = tuple(
        (name, round(each.value, 5), round(each.low, 5), round(each.high, 5))
        for name, each in found.metrics.items()
    )
    title = Text("Figures with their 95 % intervals", "各项指标与 95% 置信区间")
    return Table(title, ("metric", "value", "low", "high"), rows)


def _roc(view: classes.ClassView) -> Chart:
    false, true = classes.roc(view)
    return Chart(
        Text("ROC, all classes one against the rest", "ROC 曲线（各类一对多，微平均）"),
        "line",
        "false positive rate",
        "true positive rate",
        (Series("model", tuple(false), tuple(true)), Series("chance", (0.0, 1.0), (0.0, 1.0))),
    )


def _reliability(view: classes.ClassView) -> Chart:
    bins = classes.reliability(view)
    return Chart(
        Text("Reliability: accuracy by confidence", "可靠性曲线：各置信度下的准确率"),
        "line",
        "mean confidence",
        "accuracy",
        (
            Series("model", tuple(each[0] for each in bins), tuple(each[1] for each in bins)),
            Series("perfect", (0.0, 1.0), (0.0, 1.0)),
        ),
    )


def _worst_table(passed: Predictions, found: Evaluation, worst: list[int]) -> Table:
    rows = []
    for row in worst:
        sample = passed.samples[found.places[row]]
        sure: float | None = None
        if found.classes is not None and found.classes.probabilities is not None:
            sure = round(float(found.classes.confidence[row]), 4)
        rows.append(
            (
                sample.key,
                found.truth[row][:80],
                found.said[row][:80],
                sure,
                round(float(found.scores[row]), 3),
            )
        )
    title = Text("Worst samples", "最差样本")
    return Table(title, ("sample", "truth", "answer", "confidence", "score"), tuple(rows))


def _worst_picture(passed: Predictions, found: Evaluation, worst: list[int]) -> Picture | None:
    drawn, names = [], []
    for row in worst:
        place = found.places[row]
        pixels = picture_of(passed.samples[place].payload)
        if pixels is not None:
            drawn.append(pixels)
            names.append(f"{passed.samples[place].key}: {found.truth[row]} → {found.said[row]}")
    if not drawn:
        return None
    wide = float(np.median([each.shape[1] / each.shape[0] for each in drawn])) > 2
    paper = sheet(drawn, columns=2 if wide else 4, height=56 if wide else 128, width=400 if wide else 128)
    return picture(
        paper,
        Text("Worst samples, in the order of the table", "最差样本（顺序同上表）"),
        Text("Truth → answer: " + "; ".join(names)[:400], "真值 → 回答：" + "；".join(names)[:400]),
    )
