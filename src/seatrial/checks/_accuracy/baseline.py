"""Accuracy against the accepted baseline: the same samples, a paired test (`M04`)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial.checks._accuracy.metrics import Evaluation
from seatrial.checks._accuracy.parts import PART_CAUSE, PART_FIX, SMALLEST_GROUP
from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.checks._statistics import PairedChange, Scores, holm, needed_for_margin, paired_change
from seatrial.checks._trial import Baseline, Trial
from seatrial.contract import HeldOut

FEWEST = 30  # samples under which a change is not judged at all


def packed(found: Evaluation, held_out: HeldOut) -> dict[str, Any]:
    """Scores of all samples in few characters: bits where right or wrong, else 1/255ths.

    Samples without a score (no label) are left out; `places` says which are in.
    """
    data: dict[str, Any] = {"n": len(held_out), "judged": len(found.scores), "data": held_out.digest}
    if len(found.scores) != len(held_out):
        data["places"] = list(found.places)
    if found.exact:
        raw, data["kind"] = np.packbits(found.scores.astype("uint8")).tobytes(), "bits"
    else:
        raw, data["kind"] = np.rint(found.scores * 255).astype("uint8").tobytes(), "bytes"
    return data | {"base64": base64.b64encode(raw).decode()}


def unpacked(data: Mapping[str, Any]) -> tuple[tuple[int, ...], Scores]:
    """Places and scores from what `packed` made.

    Raises:
        KeyError, ValueError, TypeError: It is something else.
    """
    raw = np.frombuffer(base64.b64decode(str(data["base64"]), validate=True), "uint8")
    count = int(data["judged"])
    if data["kind"] == "bits":
        scores = np.unpackbits(raw, count=count).astype("float64")
    else:
        scores = raw.astype("float64") / 255
    places = tuple(int(each) for each in data.get("places", range(count)))
    if len(scores) != count or len(places) != count:
        raise ValueError("the kept scores are damaged")
    return places, scores


def baseline_findings(trial: Trial, found: Evaluation, baseline: Baseline) -> list[Finding]:
    """Not worse than what was accepted, on the same samples, by a paired test."""
    kept = baseline.figures.get("accuracy", {})
    stored = kept.get("samples") or {}
    n = len(trial.held_out)
    if baseline.data_digest != trial.held_out.digest:
        return [_other_data(n, stored, baseline)]
    if baseline.preprocess_digest != trial.contract.preprocess_digest():
        note = _other_preprocessing(n, baseline)
        return [note, *_compare(trial, found, stored, baseline)]
    return _compare(trial, found, stored, baseline)


def _compare(trial: Trial, found: Evaluation, stored: Mapping[str, Any], baseline: Baseline) -> list[Finding]:
    try:
        places, before = unpacked(stored)
    except (KeyError, ValueError, TypeError):
        return [_no_scores(len(found.scores), baseline)]
    if places != found.places:
        return [_other_data(len(found.scores), stored, baseline)]
    return [change_finding(trial, found.scores, before, baseline), *_slice_changes(trial, found, before)]


def change_finding(trial: Trial, now: Scores, before: Scores, baseline: Baseline) -> Finding:
    """The paired change of the whole, against the margin."""
    limit = trial.limit("accuracy.margin", 0.01, reason="what may be lost against the baseline")
    margin = limit.number
    change = paired_change(now, before, seed=trial.seed)
    verdict = judge_change(change, margin)
    needed = needed_for_margin(margin, discordant=(change.lost + change.won) / change.n)
    open_ = verdict in (Verdict.INCONCLUSIVE, Verdict.WARN)
    more = f"; about {needed} samples would settle it" if open_ else ""
    more_zh = f"；大约需要 {needed} 个样本才能判定" if open_ else ""
    return Finding(
        "accuracy.baseline",
        verdict,
        Text(
            f"Against baseline '{baseline.name}' the score changes by {change.change:+.4f} (surely not below "
            f"{change.low:+.4f}); {change.lost} samples lost, {change.won} won, p = "
            f"{change.p_worse:.2g}{more}.",
            f"与基线“{baseline.name}”相比得分变化 {change.change:+.4f}（95% 下界 {change.low:+.4f}）；"
            f"变差 {change.lost} 个、变好 {change.won} 个，p = {change.p_worse:.2g}{more_zh}。",
        ),
        examined=change.n,
        measured=round(change.low, 6),
        limit=Limit(-margin, limit.source),
        cause=None if verdict is Verdict.PASS else _WORSE_CAUSE,
        fix=None if verdict is Verdict.PASS else _WORSE_FIX,
        data={"lost": change.lost, "won": change.won, "p": change.p_worse, "change": change.change},
    )


def judge_change(change: PairedChange, margin: float) -> Verdict:
    """PASS when a loss over the margin is ruled out, FAIL when a loss is proved.

    In between the samples are too few: WARN while the change seen is inside the margin, else INCONCLUSIVE.
    """
    settled = {"kept": Verdict.PASS, "lost": Verdict.FAIL}.get(change.judge(margin))
    if settled is not None:
        return settled
    seen_inside = change.change >= -margin and change.n >= FEWEST
    return Verdict.WARN if seen_inside else Verdict.INCONCLUSIVE


_WORSE_CAUSE = Text(
    "Weights of another run or epoch, a changed export or preprocessing, or a model that really is worse.",
    "用了另一次训练或另一轮次的权重、导出或预处理有变化，或新模型确实变差。",
)
_WORSE_FIX = Text(
    "Look at the samples that were lost; go back to the accepted weights, or accept a new baseline with "
    "a reason.",
    "查看变差的样本；退回已认可的权重，或说明理由后接受新基线。",
)


def _slice_changes(trial: Trial, found: Evaluation, before: Scores) -> list[Finding]:
    """The paired change in each group (`F45`: one group falls while the whole hardly moves)."""
    groups: dict[str, list[int]] = {}
    for row, place in enumerate(found.places):
        sample = trial.held_out.samples[place]
        for name, value in sample.slices.items():
            groups.setdefault(f"{name}={value}", []).append(row)
        if found.classes is not None:
            groups.setdefault(f"class={found.truth[row]}", []).append(row)
    groups = {name: rows for name, rows in groups.items() if len(rows) >= SMALLEST_GROUP}
    if not groups:
        return []
    changes: list[tuple[str, PairedChange]] = [
        (name, paired_change(found.scores[rows], before[rows], seed=trial.seed, rounds=400))
        for name, rows in sorted(groups.items())
    ]
    sure = holm([each.p_worse if each.change < 0 else 1.0 for _, each in changes])
    lost = [name for (name, _), p in zip(changes, sure, strict=True) if p < 0.05]
    worst_name, worst = min(changes, key=lambda each: each[1].change)
    table = Table(
        Text("Change by group", "各分组的变化"),
        ("group", "samples", "change", "lost", "won", "p (Holm)"),
        tuple(
            (name, each.n, round(each.change, 4), each.lost, each.won, round(p, 5))
            for (name, each), p in zip(changes, sure, strict=True)
        ),
    )
    return [
        Finding(
            "accuracy.baseline-slices",
            Verdict.FAIL if lost else Verdict.PASS,
            Text(
                f"Of {len(changes)} groups {len(lost)} became worse than the baseline"
                + (
                    f": {', '.join(lost)}."
                    if lost
                    else f"; the largest change is {worst.change:+.3f} ({worst_name})."
                ),
                f"{len(changes)} 个分组中有 {len(lost)} 个比基线变差"
                + (
                    f"：{'、'.join(lost)}。"
                    if lost
                    else f"；变化最大的是 {worst_name}（{worst.change:+.3f}）。"
                ),
            ),
            examined=len(found.scores),
            measured=round(worst.change, 6),
            limit=Limit(0.05, "check default: p-value after Holm"),
            evidence=(table,),
            cause=PART_CAUSE if lost else None,
            fix=PART_FIX if lost else None,
            where=", ".join(lost),
        )
    ]


def _other_data(n: int, stored: Mapping[str, Any], baseline: Baseline) -> Finding:
    before = int(stored.get("n", 0) or 0)
    shrunk = 0 < n < before
    was = f"{before} samples" if before else "other samples"
    return Finding(
        "accuracy.baseline-data",
        Verdict.FAIL if shrunk else Verdict.INCONCLUSIVE,
        Text(
            f"The held-out set is not that of baseline '{baseline.name}': {n} samples now, {was} then"
            + ("; it was shrunk." if shrunk else "."),
            f"留出集与基线“{baseline.name}”的不同：现在 {n} 个样本，当时 {before or '未知'} 个"
            + ("；测试集被缩小了。" if shrunk else "。"),
        ),
        examined=n,
        measured=n,
        limit=Limit(before or None, f"baseline {baseline.name}", "samples"),
        cause=Text(
            "The data was changed, cut short (--limit), or the wrong baseline was named.",
            "数据被改动或截断（--limit），或指定了错误的基线。",
        ),
        fix=Text(
            "Judge on the baseline's data, or accept a new baseline on the new data with a reason.",
            "使用基线的数据评估，或说明理由后在新数据上接受新基线。",
        ),
        data={"baseline": baseline.data_digest},
    )


def _other_preprocessing(n: int, baseline: Baseline) -> Finding:
    return Finding(
        "accuracy.baseline-preprocessing",
        Verdict.WARN,
        Text(
            f"Pre- or postprocessing is not that of baseline '{baseline.name}'; the comparison is of "
            "both together.",
            f"前后处理与基线“{baseline.name}”不同；对比结果包含两者的共同影响。",
        ),
        examined=n,
        cause=Text("The contract was changed since.", "接受基线之后契约有改动。"),
        fix=Text("Make sure the change is meant.", "请确认该改动是有意为之。"),
    )


def _no_scores(n: int, baseline: Baseline) -> Finding:
    return Finding(
        "accuracy.baseline",
        Verdict.INCONCLUSIVE,
        Text(
            f"Baseline '{baseline.name}' keeps no scores of single samples, so there is nothing to "
            "compare with.",
            f"基线“{baseline.name}”没有保存逐样本得分，无法比较。",
        ),
        examined=n,
        cause=Text("It was accepted from a run without this check.", "接受该基线的那次运行没有执行本检查。"),
        fix=Text("Accept a baseline from a whole run.", "请从完整运行中接受基线。"),
    )
