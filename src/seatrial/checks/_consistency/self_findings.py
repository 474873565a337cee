"""Findings about a model and itself: repetition, batches, order, and what half precision would do to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks._consistency.ground import Ground
from seatrial.checks._consistency.self_consistency import (
    SelfComparison,
    batch_invariance,
    permutation,
    repeat,
    rows_of_one_shape,
)
from seatrial.checks._consistency.tolerance import Tolerance, objections
from seatrial.checks._finding import Finding, Limit, Text, Verdict
from seatrial.checks._inference import production_session
from seatrial.checks._trial import Trial
from seatrial.contract.feeds import join
from seatrial.errors import EngineFailure, SeatrialError
from seatrial.runtimes import OperatorOutput

FLOAT16_MAX = 65504.0
ROWS = {False: 8, True: 32}
REPEATS = {False: 3, True: 10}
PLAIN_ROWS = 4
TRACE_SECONDS = {False: 0.5, True: 10.0}  # after these no further sample is traced


@dataclass(frozen=True)
class _Question:
    """One self-comparison and what to say about it."""

    id: str
    label: Text
    ask: Callable[[], SelfComparison]
    cause: Text
    fix: Text


def self_findings(trial: Trial, ground: Ground) -> list[Finding]:
    """Repeat determinism, batch invariance and permutation equivariance of the production session."""
    rows = rows_of_one_shape(ground.feeds(), ROWS[trial.full])
    trial.progress("the same again, in other batches, in another order")
    found = [_ask(_repetition(trial, rows), ground.float32)]
    if not trial.contract.batches_freely:
        return [*found, *(_skipped(each) for each in ("batch-invariance", "permutation"))]
    return [
        *found,
        _ask(_batches(trial, ground, rows), ground.tolerance),
        _ask(_order(trial, rows), ground.tolerance),
    ]


def _repetition(trial: Trial, rows: Sequence[Mapping[str, Any]]) -> _Question:
    feed = join([dict(each) for each in rows]) if trial.contract.batches_freely else rows[0]
    return _Question(
        "repeat",
        Text("The same input again", "重复同一输入"),
        lambda: repeat(production_session(trial), feed, times=REPEATS[trial.full]),
        Text(
            "Random operators are still active: usually dropout exported in training mode.",
            "图中仍有随机算子在工作：通常是以训练模式导出的 dropout。",
        ),
        Text(
            "Call model.eval() before exporting and export again.", "导出前调用 model.eval()，然后重新导出。"
        ),
    )


def _batches(trial: Trial, ground: Ground, rows: Sequence[Mapping[str, Any]]) -> _Question:
    def ask() -> SelfComparison:
        # Fusion folds a batch norm into the convolution before it and so hides its mode: the graph as it
        # was written is asked too, with few rows because it is slow.
        production = batch_invariance(production_session(trial), rows)
        plain = batch_invariance(ground.session(trial), rows[:PLAIN_ROWS])
        return max(production, plain, key=lambda each: each.worst.scale_relative)

    return _Question(
        "batch-invariance",
        Text(f"One by one against a batch of {len(rows)}", f"逐条推理与批大小 {len(rows)} 的比较"),
        ask,
        Text(
            "Samples influence each other: usually batch normalisation exported in training mode, which "
            "normalises with the statistics of the batch. Accuracy on large batches does not show it.",
            "批内样本互相影响：通常是以训练模式导出的批归一化，它使用当前批的统计量。"
            "大批量下的准确率看不出这个问题。",
        ),
        Text(
            "Call model.eval() before exporting (or set use_global_stats) and export again.",
            "导出前调用 model.eval()（或设置 use_global_stats），然后重新导出。",
        ),
    )


def _order(trial: Trial, rows: Sequence[Mapping[str, Any]]) -> _Question:
    return _Question(
        "permutation",
        Text("The same batch in another order", "打乱批内顺序"),
        lambda: permutation(production_session(trial), rows, rng=np.random.default_rng(trial.seed)),
        Text(
            "A sample's answer depends on its place in the batch: a reshape mixes the batch with others, "
            "or state is carried from row to row.",
            "样本的答案取决于它在批中的位置：某个 reshape 把批维与其他维混在一起，或状态在行间传递。",
        ),
        Text(
            "Look for reshape and transpose operators that touch axis 0.",
            "检查涉及第 0 维的 reshape 与 transpose 算子。",
        ),
    )


def _ask(question: _Question, tolerance: Tolerance) -> Finding:
    try:
        found = question.ask()
    except SeatrialError as error:
        return _refused(question, error)
    return judge_self(question.id, question.label, found, tolerance, question.cause, question.fix)


def judge_self(
    name: str, label: Text, found: SelfComparison, tolerance: Tolerance, cause: Text, fix: Text
) -> Finding:
    """PASS when equal to the tolerance; a repetition that is not bit-exact is a WARN within it.

    Args:
        name: Last part of the finding's id.
        label: What was done.
        found: What was measured.
        tolerance: Calibrated; that of the precision where batches differ, because dynamic int8 takes its
            scale from the whole batch.
        cause: Of a difference.
        fix: Of a difference.
    """
    worst = found.worst
    said = [each for output in found.outputs for each in objections(output, tolerance)]
    error = worst.scale_relative
    exact = "bit-exact" if found.bit_exact else f"relative error {error:.2g}"
    exact_zh = "逐位相同" if found.bit_exact else f"相对误差 {error:.2g}"
    verdict = Verdict.FAIL if said else Verdict.PASS
    if name == "repeat" and not said and not found.bit_exact:
        verdict = Verdict.WARN
    why, why_zh = (f" ({said[0].en})", f"（{said[0].zh}）") if said else ("", "")
    return Finding(
        f"consistency.{name}",
        verdict,
        Text(f"{label.en}: {exact}{why}.", f"{label.zh}：{exact_zh}{why_zh}。"),
        examined=found.rows,
        measured=error if np.isfinite(error) else str(error),
        limit=Limit(tolerance.scale_relative, "tolerance of the precision, calibrated on this model"),
        cause=None if verdict is Verdict.PASS else cause,
        fix=None if verdict is Verdict.PASS else fix,
    )


def _skipped(name: str) -> Finding:
    return Finding(
        f"consistency.{name}",
        Verdict.SKIP,
        Text("The batch axis is fixed, so there is no batch to vary.", "批维固定，无法改变批大小。"),
        examined=0,
    )


def _refused(question: _Question, error: SeatrialError) -> Finding:
    died = isinstance(error, EngineFailure) and error.kind != "exception"
    return Finding(
        f"consistency.{question.id}",
        Verdict.FAIL,
        Text(
            f"{question.label.en}: the engine {'died' if died else 'refused'}: {error.message}",
            f"{question.label.zh}：引擎{'崩溃' if died else '拒绝执行'}：{error.message}",
        ),
        examined=1,
        cause=Text(
            "The graph declares a free batch axis but holds a fixed size inside, for example in a reshape.",
            "图声明批维可变，但内部写死了批大小，例如某个 reshape。",
        ),
        fix=Text(
            "Export with -1 in the batch axis of every reshape, or declare the batch size the model takes.",
            "导出时让每个 reshape 的批维为 -1，或在契约中声明模型真正接受的批大小。",
        ),
    )


def range_findings(trial: Trial, ground: Ground) -> list[Finding]:
    """Non-finite intermediates, and those that half precision could not hold (`F26`)."""
    trial.progress("range of the intermediate tensors")
    feeds = ground.feeds()[: 4 if trial.full else 2]
    traces: list[Sequence[OperatorOutput]] = []
    begin = time.monotonic()
    try:
        for feed in feeds:
            if traces and time.monotonic() - begin > TRACE_SECONDS[trial.full]:
                break
            traces.append(ground.session(trial).trace(feed))
    except SeatrialError as error:
        return [
            Finding(
                "consistency.intermediates",
                Verdict.SKIP,
                Text(
                    f"Intermediate tensors could not be read: {error.message}",
                    f"无法读取中间张量：{error.message}",
                ),
                examined=0,
            )
        ]
    outputs = [each for trace in traces for each in trace if np.asarray(each.value).dtype.kind == "f"]
    return [_finite(outputs), float16_range(outputs, trial.profile.precision)]


def _finite(outputs: Sequence[OperatorOutput]) -> Finding:
    """NaN disappears in ReLU and max pooling, so it is looked for where it arises; Inf may be a mask."""
    bad = next((each for each in outputs if np.isnan(each.value).any()), None)
    count = len(outputs)
    if bad is None:
        return Finding(
            "consistency.intermediates",
            Verdict.PASS,
            Text(f"No NaN in {count} intermediate tensors.", f"{count} 个中间张量中没有 NaN。"),
            examined=count,
        )
    return Finding(
        "consistency.intermediates",
        Verdict.FAIL,
        Text(
            f"Operator {bad.label} gives NaN on a held-out sample, even where the outputs look well-formed.",
            f"算子 {bad.label} 在留出样本上产生 NaN，尽管最终输出看似正常。",
        ),
        examined=count,
        cause=Text(
            "NaN or Inf in the weights, a division by zero or an overflow; ReLU maps NaN to 0 and hides it.",
            "权重中有 NaN 或 Inf、除零或溢出；ReLU 会把 NaN 变成 0 从而掩盖问题。",
        ),
        fix=Text(
            "See the check weights, then the inputs of this operator.", "先看权重检查，再检查该算子的输入。"
        ),
        where=bad.label,
    )


def float16_range(outputs: Sequence[OperatorOutput], precision: str) -> Finding:
    """Would float16 hold every intermediate, with a factor of two to spare."""
    largest, where = 0.0, ""
    for each in outputs:
        value = _largest(each.value)
        if value > largest:
            largest, where = value, each.label
    bound = 0.5 * FLOAT16_MAX
    fits = largest <= bound
    verdict = Verdict.PASS if fits else Verdict.FAIL if precision == "float16" else Verdict.WARN
    en = "float16 holds every intermediate" if fits else f"float16 would overflow at {where}"
    zh = "float16 可以容纳所有中间值" if fits else f"float16 会在 {where} 处溢出"
    return Finding(
        "consistency.float16-range",
        verdict,
        Text(f"{en}: largest absolute value {largest:.3g}.", f"{zh}：最大绝对值 {largest:.3g}。"),
        examined=len(outputs),
        measured=largest,
        limit=Limit(bound, "half of the largest float16, 65504"),
        cause=None if fits else _OVERFLOW_CAUSE,
        fix=None if fits else _OVERFLOW_FIX,
        where="" if fits else where,
    )


_OVERFLOW_CAUSE = Text(
    "Weights of neighbouring layers are scaled against each other, or activations are not normalised.",
    "相邻层的权重互相放大与缩小，或激活没有归一化。",
)
_OVERFLOW_FIX = Text(
    "Keep this layer in float32, or move the scale from one layer into the next; float32 is not affected.",
    "让该层保持 float32，或把缩放因子从一层移到下一层；float32 推理本身不受影响。",
)


def _largest(value: Any) -> float:
    """Largest finite value, masks left out: -1e9 and the type's limit saturate to -inf harmlessly."""
    array = np.asarray(value, "float64").ravel()
    array = np.abs(array[np.isfinite(array)])
    array = array[array < 1e9]
    return float(array.max()) if array.size else 0.0
