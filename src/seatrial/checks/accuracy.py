"""Check 4: does it answer rightly, on data it has not seen, as well as what it replaces (`M04`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.checks._accuracy import baseline as versus
from seatrial.checks._accuracy import data, parts
from seatrial.checks._accuracy.bar import bar_findings, limits_of
from seatrial.checks._accuracy.evidence import evidence_of
from seatrial.checks._accuracy.metrics import Evaluation, evaluate, shuffled_scores
from seatrial.checks._finding import Control, Finding, Limit, Text, Verdict
from seatrial.checks._inference import predictions
from seatrial.checks._statistics import (
    Interval,
    better_than,
    clopper_pearson,
    needed_for_width,
    paired_change,
    wilson,
)
from seatrial.checks._trial import INPUTS, Check, Trial

_FEWEST = 30
_WIDEST = 0.1
_SURE = 0.01  # p-value under which a model is believed to look at its input


def _run(trial: Trial) -> list[Finding]:
    passed = predictions(trial)
    found = evaluate(passed, trial.contract, seed=trial.seed)
    findings = [data.samples_finding(trial, passed, found), *data.twins_findings(trial)]
    if not len(found.scores):
        return [*findings, _nothing_to_judge(trial)]
    enough = size_finding(trial, found)
    findings += [
        enough,
        score_finding(trial, found, evidence_of(passed, found), enough=enough.verdict is Verdict.PASS),
    ]
    findings.append(_looks_finding(trial, found, passed))
    findings += parts.slice_findings(trial, found)
    findings += parts.class_findings(trial, found)
    findings += parts.calibration_findings(trial, found)
    if trial.baseline is not None:
        findings += versus.baseline_findings(trial, found, trial.baseline)
        findings += bar_findings(findings, trial.baseline)
    return findings


def size_finding(trial: Trial, found: Evaluation) -> Finding:
    """Whether the samples are enough to say anything: their number, and the width of the interval."""
    n = len(found.scores)
    fewest = trial.limit("accuracy.samples", _FEWEST, unit="samples", reason="fewer prove nothing")
    widest = trial.limit("accuracy.half_width", _WIDEST, reason="an interval as wide as this is no figure")
    share = wilson(round(float(found.scores.sum())), n)
    half = share.half_width
    needed = max(int(fewest.value or 0), needed_for_width(share.value, float(widest.value or _WIDEST)))
    if n >= needed:
        return Finding(
            "accuracy.samples",
            Verdict.PASS,
            Text(
                f"{n} labelled samples: enough to know the score to ±{half:.3f}.",
                f"共 {n} 个带标签样本，足以把得分确定到 ±{half:.3f}。",
            ),
            examined=n,
            measured=n,
            limit=Limit(needed, fewest.source, "samples"),
        )
    return Finding(
        "accuracy.samples",
        Verdict.INCONCLUSIVE,
        Text(
            f"{n} labelled samples are too few: {needed} are needed, the score is only known to ±{half:.2f}.",
            f"带标签样本只有 {n} 个，太少：至少需要 {needed} 个，目前得分只能确定到 ±{half:.2f}。",
        ),
        examined=n,
        measured=n,
        limit=Limit(needed, fewest.source, "samples"),
        cause=Text(
            "The held-out set is a stub, was cut short, or most of it has no label.",
            "测试集只是占位、被截断，或大部分样本没有标签。",
        ),
        fix=Text(
            f"Label at least {needed} held-out samples drawn as production sees them.",
            f"按生产环境的分布标注至少 {needed} 个留出样本。",
        ),
    )


def score_finding(trial: Trial, found: Evaluation, evidence: tuple[Any, ...], *, enough: bool) -> Finding:
    """The figure that decides, against the absolute minimum when the contract or profile names one."""
    minimum = trial.limit("accuracy.minimum", None, reason="none is set")
    value = found.value
    verdict = judge_minimum(value, minimum.value)
    if verdict is Verdict.PASS and not enough:
        verdict = Verdict.INCONCLUSIVE
    name = found.primary.replace("_", " ")
    shown = f"{name} {value.value:.4f} (95 % interval {value.low:.4f} to {value.high:.4f})"
    shown_zh = f"{found.primary} 为 {value.value:.4f}（95% 置信区间 {value.low:.4f}～{value.high:.4f}）"
    n = len(found.scores)
    none = minimum.value is None
    bound = "" if none else f"; at least {minimum.number:g} is asked"
    bound_zh = "" if none else f"；要求不低于 {minimum.number:g}"
    return Finding(
        "accuracy.score",
        verdict,
        Text(f"{shown} on {n} samples{bound}.", f"{n} 个样本上 {shown_zh}{bound_zh}。"),
        examined=n,
        measured=round(value.value, 6),
        limit=None if none else minimum,
        evidence=evidence,
        cause=_SCORE_CAUSE if verdict is not Verdict.PASS else None,
        fix=_SCORE_FIX if verdict is not Verdict.PASS else None,
        data={
            "primary": found.primary,
            "metrics": {name: [each.value, each.low, each.high] for name, each in found.metrics.items()},
            "samples": versus.packed(found, trial.held_out),
        },
    )


_SCORE_CAUSE = Text(
    "Other preprocessing than in training, another label order, weights of another run, or a model that has "
    "not learned enough.",
    "预处理与训练时不一致、标签顺序不同、用了另一次训练的权重，或模型本身训练不足。",
)
_SCORE_FIX = Text(
    "Look at the worst samples and the confusions; compare with the training-side score on the same samples.",
    "查看最差样本与混淆对，并在相同样本上与训练侧得分对比。",
)


def judge_minimum(value: Interval, minimum: Any) -> Verdict:
    """FAIL below the minimum, WARN when the interval still reaches below it."""
    if not np.isfinite(value.value):
        return Verdict.FAIL
    if minimum is None:
        return Verdict.PASS
    if value.value < float(minimum):
        return Verdict.FAIL
    return Verdict.PASS if value.low >= float(minimum) else Verdict.WARN


def _looks_finding(trial: Trial, found: Evaluation, passed: Any) -> Finding:
    """Whether it beats a model that does not look at its input."""
    n, score = len(found.scores), float(found.scores.mean())
    if found.task in ("classification", "text-recognition"):
        trivial = most_common_share(found.truth)
        p_value, how = better_than(int(found.scores.sum()), n, trivial), "always giving the commonest answer"
        how_zh = "永远回答最常见的答案"
    else:
        rounds = 199 if trial.full else 99
        others = shuffled_scores(passed, trial.contract, seed=trial.seed, rounds=rounds)
        trivial = float(np.mean(others))
        p_value = (1 + sum(each >= score for each in others)) / (rounds + 1)
        how, how_zh = "giving the same answers to other samples", "把同样的答案随机配给其他样本"
    good = p_value <= _SURE
    few = n < _FEWEST
    verdict = Verdict.PASS if good else Verdict.INCONCLUSIVE if few and score > trivial else Verdict.FAIL
    return Finding(
        "accuracy.looks-at-input",
        verdict,
        Text(
            f"A mean score of {score:.3f} against {trivial:.3f} for {how} (p = {p_value:.2g}).",
            f"平均得分 {score:.3f}，而{how_zh}可得 {trivial:.3f}（p = {p_value:.2g}）。",
        ),
        examined=n,
        measured=round(p_value, 6),
        limit=Limit(_SURE, "check default: p-value"),
        cause=None if good else _LOOKS_CAUSE,
        fix=None if good else _SCORE_FIX,
    )


_LOOKS_CAUSE = Text(
    "The answers do not depend on the input: random or zero weights, a constant output, or inputs that the "
    "preprocessing flattened to the same values.",
    "答案与输入无关：权重为随机值或全零、输出恒定，或预处理把所有输入变成了相同的值。",
)


def most_common_share(truth: tuple[str, ...]) -> float:
    """Share of the commonest truth: what a model reaches that always says it."""
    _, counts = np.unique(np.array(truth), return_counts=True)
    return float(counts.max() / counts.sum())


def _nothing_to_judge(trial: Trial) -> Finding:
    n = len(trial.held_out)
    return Finding(
        "accuracy.score",
        Verdict.INCONCLUSIVE,
        Text(f"None of {n} samples could be judged.", f"{n} 个样本中没有一个可以评判。"),
        examined=n,
        cause=Text(
            "The samples have no labels, or labels of another kind than the task's.",
            "样本没有标签，或标签类型与任务不符。",
        ),
        fix=Text(
            "Give a labelled held-out set; for answers that are arrays, `label` holds the expected array.",
            "请提供带标签的留出集；若输出是数组，`label` 应为期望数组。",
        ),
    )


def _control(trial: Trial) -> Control:
    """The same samples, every answer wrong, must fall below a minimum and lose against themselves."""
    n = max(len(trial.held_out), _FEWEST)
    right, wrong = wilson(n, n), wilson(0, n)
    fails = judge_minimum(wrong, 0.5) is Verdict.FAIL and judge_minimum(right, 0.5) is Verdict.PASS
    change = paired_change(np.zeros(n), np.ones(n), seed=trial.seed)
    trivial = better_than(0, n, 0.5) > _SURE
    rejected = fails and change.judge(0.01) == "lost" and trivial and clopper_pearson(0, n).high < 0.5
    said, said_zh = ("rejected", "已拒绝") if rejected else ("accepted", "竟被接受")
    return Control(
        rejected,
        Text(
            f"{n} wrong answers were handed to the judgement of minimum, chance and baseline: {said}.",
            f"把 {n} 个全部错误的答案交给最低值、随机水平与基线三项判断：{said_zh}。",
        ),
    )


def _record(findings: list[Finding]) -> dict[str, Any]:
    """The figures, the limits, and every sample's score, for the paired test of the next run."""
    for each in findings:
        if each.id == "accuracy.score" and "samples" in each.data:
            kept = {key: each.data[key] for key in ("primary", "metrics", "samples")}
            return kept | {"limits": limits_of(findings)}
    return {}


CHECK = Check(
    name="accuracy",
    order=4,
    title=Text("Accuracy", "准确性"),
    question=Text(
        "Does it answer rightly on held-out data, and no worse than what it replaces?",
        "在留出数据上答得对吗？不比被替换的版本差吗？",
    ),
    promises=("M04",),
    run=_run,
    control=_control,
    headline="accuracy.score",
    record=_record,
    reads=INPUTS - {"delivered"},
)
