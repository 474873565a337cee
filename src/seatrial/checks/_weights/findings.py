"""What the weights check says about the figures of the tensors (`M02`). Limits are calibrated: see each."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from seatrial.checks._finding import Finding, Limit, Scalar, Table, Text, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.checks._weights.tensor_facts import TensorFacts

# Paddle keeps the running mean of a batch norm in `.w_1` and its variance in `.w_2`.
VARIANCE = re.compile(r".*(batch_norm\w*\.w_2|_variance|running_var|moving_variance|_var)(_\d+)?$")
MEAN = re.compile(r".*(batch_norm\w*\.w_1|_mean|running_mean|moving_mean)(_\d+)?$")
_ROWS = 12
# A value this far above the next largest of its tensor is one damaged number: good models stay below 20.
ISOLATED_SURELY, ISOLATED_PERHAPS = 1e4, 64.0
HUGE = 1e15  # a good detector carries a variance of 1e8; an exponent bit flip makes 1e30 and more
# What exporters write for infinity, in masks and where a maximum starts: the largest float32 and float64.
STAND_INS = frozenset(float(np.finfo(each).max) for each in ("float32", "float64"))
PEERS = 1e3  # median magnitude against that of the other weights: good models stay within 150


def table(rows: Sequence[tuple[Scalar, ...]], *columns: str) -> tuple[Table, ...]:
    """The worst tensors, or no evidence."""
    return (Table(Text("tensors", "张量"), columns, tuple(rows[:_ROWS])),) if rows else ()


def others(count: int) -> tuple[str, str]:
    return (f" and {count - 1} more", f"，另有 {count - 1} 个") if count > 1 else ("", "")


def judge_finite(facts: Sequence[TensorFacts]) -> Finding:
    """NaN and Inf: a ReLU hides them from every output, so they are looked for here."""
    bad = [each for each in facts if each.nonfinite]
    total = sum(each.nonfinite for each in bad)
    more, more_zh = others(len(bad))
    return Finding(
        "weights.finite",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{total} NaN or Inf in {bad[0].name}{more}" if bad else f"no NaN or Inf in {len(facts)} tensors",
            f"{bad[0].name} 等张量含 {total} 个 NaN/Inf{more_zh}"
            if bad
            else f"{len(facts)} 个张量中没有 NaN 或 Inf",
        ),
        len(facts),
        measured=total,
        limit=Limit(0, "check default: no weight is undefined"),
        evidence=table(
            [(each.name, each.nonfinite, each.count) for each in bad], "tensor", "NaN or Inf", "of"
        ),
        cause=Text("The training diverged, or the file was damaged.", "训练发散，或文件已损坏。")
        if bad
        else None,
        fix=Text("Take the last good checkpoint and export it.", "请使用最近一个正常的检查点重新导出。")
        if bad
        else None,
        where=bad[0].name if bad else "",
    )


def judge_zero(facts: Sequence[TensorFacts]) -> Finding:
    """A whole matrix of zeros gives nothing; a bias of zeros is common and harmless."""
    bad = [
        each
        for each in facts
        if each.all_zero and (is_weight(each) or VARIANCE.match(each.name)) and each.floating
    ]
    more, more_zh = others(len(bad))
    return Finding(
        "weights.zero",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{bad[0].name} {list(bad[0].shape)} is all zero{more}" if bad else "no weight is all zero",
            f"{bad[0].name} {list(bad[0].shape)} 全为零{more_zh}" if bad else "没有全零的权重",
        ),
        len(facts),
        measured=len(bad),
        limit=Limit(0, "check default: a layer of zeros answers nothing"),
        evidence=table([(each.name, str(list(each.shape))) for each in bad], "tensor", "shape"),
        cause=Text("A layer was never loaded, or was pruned away.", "某层未加载参数，或被整体剪掉。")
        if bad
        else None,
        fix=Text("Check the names when the checkpoint is loaded.", "请在加载检查点时核对参数名。")
        if bad
        else None,
        where=bad[0].name if bad else "",
    )


def judge_constant(facts: Sequence[TensorFacts]) -> Finding:
    """A matrix of one number was never trained."""
    bad = [
        each for each in facts if each.floating and each.constant and not each.all_zero and is_weight(each)
    ]
    more, more_zh = others(len(bad))
    return Finding(
        "weights.constant",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"every element of {bad[0].name} is {bad[0].low:g}{more}" if bad else "no weight is constant",
            f"{bad[0].name} 的所有元素均为 {bad[0].low:g}{more_zh}" if bad else "没有取值恒定的权重",
        ),
        len(facts),
        measured=len(bad),
        limit=Limit(0, "check default: a constant matrix carries no training"),
        evidence=table([(each.name, each.low) for each in bad], "tensor", "value"),
        cause=Text("Initialised with a constant and never trained.", "以常数初始化且未经训练。")
        if bad
        else None,
        fix=Text("Check which parameters the optimizer was given.", "请检查优化器实际更新了哪些参数。")
        if bad
        else None,
        where=bad[0].name if bad else "",
    )


def judge_dead(facts: Sequence[TensorFacts], limit: Limit) -> Finding:
    """Output channels that are all zero: some are normal (a good recogniser has 3 % in one layer)."""
    shares = [
        (max(each.dead_rows / each.shape[0], each.dead_columns / each.shape[1]), each)
        for each in facts
        if len(each.shape) > 1 and not each.all_zero and (each.dead_rows or each.dead_columns)
    ]
    shares.sort(key=lambda pair: -pair[0])
    worst = shares[0][0] if shares else 0.0
    bad = worst > limit.number
    name = shares[0][1].name if shares else ""
    return Finding(
        "weights.dead-channels",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{worst:.0%} of the channels of {name} are all zero" if shares else "no channel is all zero",
            f"{name} 有 {worst:.0%} 的通道全为零" if shares else "没有全零通道",
        ),
        len(facts),
        measured=round(worst, 4),
        limit=limit,
        evidence=table(
            [(each.name, str(list(each.shape)), round(share, 4)) for share, each in shares],
            "tensor",
            "shape",
            "dead share",
        ),
        cause=Text("Part of the layer was cleared or never trained.", "该层的一部分被清零或未训练。")
        if bad
        else None,
        fix=Text(
            "Compare with the training checkpoint; if it was pruned, raise weights.dead_channels.",
            "请与训练检查点比对；如为有意剪枝，请调高 weights.dead_channels。",
        )
        if bad
        else None,
        where=name if bad else "",
    )


def without_normalisation(name: str) -> Finding:
    """What asks about normalisation layers has nothing to say of a model without any."""
    said = Text("the model has no normalisation layer with statistics", "模型没有带统计量的归一化层")
    return Finding(name, Verdict.SKIP, said, 0)


def judge_variance(facts: Sequence[TensorFacts], variances: frozenset[str]) -> Finding:
    """A variance below zero: mean and variance were exchanged, or the file is damaged."""
    looked = [each for each in facts if each.name in variances]
    if not looked:
        return without_normalisation("weights.negative-variance")
    bad = [each for each in looked if each.low < 0]
    more, more_zh = others(len(bad))
    return Finding(
        "weights.negative-variance",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"the variance {bad[0].name} goes down to {bad[0].low:.3g}{more}"
            if bad
            else f"no negative value in {len(looked)} variances of normalisation layers",
            f"方差 {bad[0].name} 最小值为 {bad[0].low:.3g}{more_zh}"
            if bad
            else f"{len(looked)} 个归一化层的方差均非负",
        ),
        len(looked),
        measured=min(each.low for each in looked),
        limit=Limit(0, "check default: a variance is a mean of squares"),
        evidence=table([(each.name, each.low) for each in bad], "tensor", "lowest"),
        cause=Text(
            "Mean and variance were exchanged, or signs were lost.", "均值与方差被互换，或符号被改动。"
        )
        if bad
        else None,
        fix=Text(
            "Export again; compare tensor by tensor with the checkpoint.",
            "请重新导出，并与检查点逐张量比对。",
        )
        if bad
        else None,
        where=bad[0].name if bad else "",
    )


def judge_magnitude(facts: Sequence[TensorFacts], precision: str) -> Finding:
    """Numbers out of proportion: a flipped exponent bit, or two layers scaled against each other."""
    floats = [each for each in facts if each.floating and each.count]
    peers = float(np.median([each.typical for each in floats if is_weight(each)] or [0.0]))
    rows: list[tuple[Scalar, ...]] = []
    surely = False
    for each in floats:
        isolation = _isolation(each)
        scale = each.typical / peers if peers and is_weight(each) else 1.0
        overflow = precision == "float16" and each.largest > 65504 and not VARIANCE.match(each.name)
        beyond = each.largest > HUGE and each.largest not in STAND_INS
        sure = (
            (beyond and each.count > 1)
            or (each.count > 8 and isolation > ISOLATED_SURELY and each.largest > 4)
            or overflow
        )
        perhaps = each.count > 8 and isolation > ISOLATED_PERHAPS and each.largest > 4
        if sure or perhaps or beyond or scale > PEERS:
            surely = surely or sure
            rows.append((each.name, each.largest, round(isolation, 1), round(scale, 2)))
    rows.sort(key=lambda row: -abs(float(str(row[1]))))
    counted = [each for each in floats if each.count > 8 and each.largest > 4]
    more, more_zh = others(len(rows))
    return Finding(
        "weights.magnitude",
        Verdict.FAIL if surely else Verdict.WARN if rows else Verdict.PASS,
        Text(
            f"{rows[0][0]} reaches {rows[0][1]:.3g}, {rows[0][2]:g} times the next value of its tensor{more}"
            if rows
            else f"every magnitude of {len(floats)} tensors is in proportion",
            f"{rows[0][0]} 的最大值为 {rows[0][1]:.3g}，是同张量次大值的 {rows[0][2]:g} 倍{more_zh}"
            if rows
            else f"{len(floats)} 个张量的数值大小均在合理范围",
        ),
        len(floats),
        measured=round(max((_isolation(each) for each in counted), default=1.0), 2),
        limit=Limit(
            ISOLATED_PERHAPS,
            f"check default: times the next value of its tensor; {PEERS:g} times its peers, {HUGE:g} in all",
        ),
        evidence=table(rows, "tensor", "largest", "times the next", "times its peers"),
        cause=Text(
            "An exponent bit flipped in storage, or layers were rescaled.",
            "存储中指数位翻转，或层间被重新缩放。",
        )
        if rows
        else None,
        fix=Text("Compare the file's digest with the one at export.", "请将文件摘要与导出时的摘要比对。")
        if rows
        else None,
        where=str(rows[0][0]) if rows else "",
    )


def _isolation(each: TensorFacts) -> float:
    """How far the largest magnitude stands above the next; capped, since JSON knows no infinity."""
    return min(each.largest / each.second, 1e30) if each.second else 1.0


def judge_denormals(facts: Sequence[TensorFacts], limit: Limit) -> Finding:
    """Numbers too small for full precision make processors slow and mean nothing."""
    count = sum(each.count for each in facts if each.floating)
    few = sum(each.denormals for each in facts)
    share = few / count if count else 0.0
    bad = share > limit.number
    worst = sorted((each for each in facts if each.denormals), key=lambda each: -each.denormals)
    return Finding(
        "weights.denormals",
        Verdict.WARN if bad else Verdict.PASS,
        Text(f"{share:.3%} of the weights are denormal", f"非规格化数占权重的 {share:.3%}"),
        len(facts),
        measured=round(share, 6),
        limit=limit,
        evidence=table(
            [(each.name, each.denormals, each.count) for each in worst], "tensor", "denormals", "of"
        ),
        cause=Text("Weight decay drove unused weights towards zero.", "权重衰减把无用权重压到接近零。")
        if bad
        else None,
        fix=Text("Set them to zero when exporting, or prune.", "请在导出时将其置零，或进行剪枝。")
        if bad
        else None,
    )


def judge_duplicates(facts: Sequence[TensorFacts]) -> Finding:
    """Two layers with the same bytes under two names: one was loaded twice."""
    same: dict[str, list[str]] = defaultdict(list)
    for each in facts:
        if each.floating and is_weight(each) and each.count >= 16 and not each.constant:
            same[each.digest].append(each.name)
    bad = [names for names in same.values() if len(names) > 1]
    return Finding(
        "weights.duplicates",
        Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"{' and '.join(bad[0][:3])} hold the same bytes"
            if bad
            else "no two weights hold the same bytes",
            f"{'、'.join(bad[0][:3])} 的内容完全相同" if bad else "没有内容完全相同的权重",
        ),
        len(facts),
        measured=len(bad),
        limit=Limit(0, "check default"),
        evidence=table([(", ".join(names[:4]), len(names)) for names in bad], "tensors", "copies"),
        cause=Text(
            "Shared layers, or one layer loaded under two names.",
            "层间共享参数，或同一层被加载到两个名字下。",
        )
        if bad
        else None,
        fix=Text(
            "Compare with the checkpoint if the layers are not shared.", "若并非共享层，请与检查点比对。"
        )
        if bad
        else None,
        where=bad[0][0] if bad else "",
    )


def is_weight(each: TensorFacts) -> bool:
    """A matrix or kernel, no bias, scale or statistic."""
    return (
        len(each.shape) > 1
        and min(each.shape[0], each.count // max(each.shape[0], 1)) > 1
        and each.count >= 16
    )
