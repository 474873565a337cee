"""Accuracy by its parts: slices, classes, calibration (`M04`)."""

from __future__ import annotations

import numpy as np

from seatrial.checks._accuracy.metrics import Evaluation
from seatrial.checks._accuracy.metrics_classes import by_class
from seatrial.checks._finding import Finding, Table, Text, Verdict
from seatrial.checks._statistics import (
    better_than,
    fewer_hits,
    holm,
    wilson,
)
from seatrial.checks._trial import Trial

_SURE = 0.01
SMALLEST_GROUP = 8


def slice_findings(trial: Trial, found: Evaluation) -> list[Finding]:
    """Each named group against the others; corrected for their number (F45)."""
    groups: dict[tuple[str, str], list[int]] = {}
    for row, place in enumerate(found.places):
        for name, value in trial.held_out.samples[place].slices.items():
            groups.setdefault((name, value), []).append(row)
    n = len(found.scores)
    groups = {each: rows for each, rows in groups.items() if len(rows) < n}
    if not groups:
        return []
    limit = trial.limit("accuracy.slice_gap", 0.1, reason="a group this much worse than the rest is let down")
    right = found.scores >= 1.0 if found.exact else found.scores >= float(np.median(found.scores))
    rows, p_values = [], []
    for (name, value), members in sorted(groups.items()):
        inside = np.zeros(n, bool)
        inside[members] = True
        mine, rest = right[inside], right[~inside]
        p_values.append(fewer_hits(int(mine.sum()), len(mine), int(rest.sum()), len(rest)))
        gap = float(found.scores[~inside].mean() - found.scores[inside].mean())
        rows.append((f"{name}={value}", len(mine), float(found.scores[inside].mean()), gap))
    sure = holm(p_values)
    low = [place for place, row in enumerate(rows) if row[3] > limit.number and sure[place] < _SURE]
    worst = max(range(len(rows)), key=lambda each: (each in low, rows[each][3]))
    name, count, score, gap = rows[worst]
    small = sum(row[1] < SMALLEST_GROUP for row in rows)
    note = f"; {small} have under {SMALLEST_GROUP} samples" if small else ""
    table = Table(
        Text("Score by group", "各分组得分"),
        ("group", "samples", "score", "below the rest by", "p (Holm)"),
        tuple(
            (row[0], row[1], round(row[2], 4), round(row[3], 4), round(p, 5))
            for row, p in zip(rows, sure, strict=True)
        ),
    )
    return [
        Finding(
            "accuracy.slices",
            Verdict.FAIL if low else Verdict.PASS,
            Text(
                f"Of {len(rows)} groups the lowest is {name}: {score:.3f} on {count} samples, "
                f"{gap:+.3f} below the "
                f"rest (p = {sure[worst]:.2g}){note}.",
                f"{len(rows)} 个分组中最差的是 {name}：{count} 个样本得分 {score:.3f}，比其余低 {gap:+.3f}"
                f"（p = {sure[worst]:.2g}）。",
            ),
            examined=n,
            measured=round(gap, 6),
            limit=limit,
            evidence=(table,),
            cause=PART_CAUSE if low else None,
            fix=PART_FIX if low else None,
            where=name if low else "",
        )
    ]


PART_CAUSE = Text(
    "Too few training samples of this kind, or a preprocessing step that spoils just these.",
    "这类训练样本太少，或某个预处理步骤恰好破坏了它们。",
)
PART_FIX = Text("Add training samples of this kind and judge again.", "补充这类训练样本后重新评估。")


def class_findings(trial: Trial, found: Evaluation) -> list[Finding]:
    """Recall of each class; a class that is hardly ever recognized is lost in the mean (F16, F20)."""
    view = found.classes
    if view is None or len(np.unique(view.truth)) < 2:
        return []
    limit = trial.limit(
        "accuracy.class_recall", 0.5, reason="a class below it is missed more often than found"
    )
    floor = limit.number
    rows, p_values = [], []
    for index, count, right, said in by_class(view):
        recall = wilson(right, count)
        # Corrected for their number: of a thousand classes with four samples some are always unlucky.
        p_values.append(1 - better_than(right + 1, count, floor) if right < count else 1.0)
        rows.append(
            (
                view.name(index),
                count,
                round(recall.value, 4),
                round(recall.low, 4),
                round(recall.high, 4),
                said,
            )
        )
    low = [row[0] for row, p in zip(rows, holm(p_values), strict=True) if p < _SURE]
    weakest = min(rows, key=lambda each: each[2])
    names = ", ".join(low)
    bad = bool(low)
    table = Table(
        Text("Recall by class", "各类别召回率"),
        ("class", "samples", "recall", "low", "high", "times answered"),
        tuple(sorted(rows, key=lambda each: each[2])[:20]),
    )
    return [
        Finding(
            "accuracy.classes",
            Verdict.FAIL if bad else Verdict.PASS,
            Text(
                f"{len(rows)} classes; the weakest is '{weakest[0]}' with recall {weakest[2]:.3f} on "
                f"{weakest[1]} "
                f"samples" + (f"; missed: {names}." if bad else "."),
                f"共 {len(rows)} 类；最弱的是“{weakest[0]}”，{weakest[1]} 个样本上召回率 {weakest[2]:.3f}"
                + (f"；几乎识别不出：{names}。" if bad else "。"),
            ),
            examined=len(view.truth),
            measured=weakest[2],
            limit=limit,
            evidence=(table,),
            cause=_CLASS_CAUSE if bad else None,
            fix=PART_FIX if bad else None,
            where=names if bad else "",
        )
    ]


_CLASS_CAUSE = Text(
    "Classes were permuted or left out between training and export, or there is too little data of them.",
    "训练与导出之间类别顺序被打乱或缺失，或这些类别的数据太少。",
)


def calibration_findings(trial: Trial, found: Evaluation) -> list[Finding]:
    """Whether confidences mean what they say; only their users suffer, so it warns."""
    error = found.metrics.get("calibration_error")
    if error is None:
        return []
    limit = trial.limit(
        "accuracy.calibration_error", 0.1, reason="confidence off by more misleads who uses it"
    )
    bad = error.low > limit.number
    return [
        Finding(
            "accuracy.calibration",
            Verdict.WARN if bad else Verdict.PASS,
            Text(
                f"Confidence and accuracy differ by {error.value:.3f} on average (expected calibration "
                "error).",
                f"置信度与实际准确率平均相差 {error.value:.3f}（期望校准误差）。",
            ),
            examined=len(found.scores),
            measured=round(error.value, 6),
            limit=limit,
            cause=Text("Overconfident training or changed outputs.", "训练过度自信或输出被改动。")
            if bad
            else None,
            fix=Text("Scale the temperature on validation data.", "在验证集上做温度缩放。") if bad else None,
        )
    ]
