"""Findings of the consistency check: one a variant, one a self-comparison, one a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seatrial.checks._consistency.divergence import Divergence, find_cause, localise
from seatrial.checks._consistency.ground import Ground
from seatrial.checks._consistency.tolerance import Tolerance, disagreement_interval
from seatrial.checks._consistency.variants import (
    Judgement,
    Outcome,
    PoolOf,
    Variant,
    judge,
    not_exercised,
    ran,
    run_variant,
    variants,
)
from seatrial.checks._finding import Chart, Evidence, Finding, Scalar, Series, Table, Text, Verdict
from seatrial.checks._trial import Trial
from seatrial.errors import MissingDependency, NotFound, SeatrialError
from seatrial.runtimes import SessionOptions

TRACE_TOLERANCE = 1e-3  # of intermediates: an operator is named when it is clearly off, not by rounding


@dataclass(frozen=True)
class Judged:
    """A variant's finding with its outcome; the outcome is None when the variant did not run."""

    finding: Finding
    outcome: Outcome | None


def matrix(trial: Trial, ground: Ground) -> list[Judged]:
    """Runs and judges every variant."""
    judged: list[Judged] = []
    for variant in variants(trial):
        trial.progress(variant.label.en)
        judged.append(_one(trial, ground, variant, judged))
    return judged


def _one(trial: Trial, ground: Ground, variant: Variant, before: Sequence[Judged]) -> Judged:
    if variant.unavailable is not None:
        return Judged(_absent(variant, variant.unavailable), None)
    precision = trial.profile.precision
    asked = precision if precision == "int8" or variant.id == ground.runtime else variant.options.precision
    tolerance = ground.tolerance if asked == precision else ground.float32
    try:
        outcome = run_variant(trial, variant, ground.reference, ground.samples, tolerance)
    except (MissingDependency, NotFound) as error:  # the model converts, and nothing here runs the result
        gone = replace(variant, remedy=error.hint)
        return Judged(_absent(gone, Text(error.message, error.message)), None)
    except SeatrialError as error:
        return Judged(_broke(variant, error), None)
    # int8 lies in the file: only production has to prove that it computes in it.
    proven = "float32" if asked == "int8" and variant.id != ground.runtime else asked
    missing = not_exercised(outcome, asked=proven, float32=_in_float32(trial, ground, variant, before))
    if missing is not None:
        return Judged(_absent(variant, missing, examined=outcome.samples), outcome)
    least = trial.limit("consistency.answers", 0.99, reason="boxes and masks move by a pixel at a threshold")
    said = judge(
        outcome, trial.contract.task, tolerance, precision=asked, fewest_same=float(least.value or 0)
    )
    finding = _finding(ground, outcome, said, asked)
    if tolerance is not ground.tolerance and finding.limit is not None:
        limit = replace(finding.limit, value=tolerance.scale_relative, source="float32 tolerance, calibrated")
        finding = replace(finding, limit=limit)
    if said.verdict is Verdict.WARN:
        finding = _amplified(ground, outcome, finding)
    elif said.verdict is not Verdict.PASS:
        finding = _explained(trial, ground, outcome, finding, tolerance)
    return Judged(finding, outcome)


def _in_float32(trial: Trial, ground: Ground, variant: Variant, before: Sequence[Judged]) -> Outcome | None:
    """What the same runtime gives in float32, to tell whether another precision really ran."""
    for each in before:
        done = each.outcome
        if done is None or done.exercise is None or done.variant.runtime != variant.runtime:
            continue
        if done.exercise.precision == "float32":
            return done
    if variant.options.precision == "float32":
        return None
    plain = replace(variant, options=replace(variant.options, precision="float32"))
    try:
        done = run_variant(trial, plain, ground.reference, ground.samples, ground.tolerance)
    except SeatrialError:
        return None
    return done if done.exercise is not None and done.exercise.precision == "float32" else None


def _finding(ground: Ground, outcome: Outcome, said: Judgement, asked: str) -> Finding:
    variant = outcome.variant
    error = max((each.scale_relative for each in outcome.outputs), default=float("inf"))
    answers = "" if outcome.answers is None else f", {outcome.answers:.2%} of the answers the same"
    answers_zh = "" if outcome.answers is None else f"，答案一致率 {outcome.answers:.2%}"
    figures = f"relative error {error:.2g} on {outcome.samples} samples{answers}"
    figures_zh = f"{outcome.samples} 个样本，相对误差 {error:.2g}{answers_zh}"
    if outcome.exercise is not None and outcome.exercise.precision != asked:
        figures += f", computed in {outcome.exercise.precision}"
        figures_zh += f"，实际以 {outcome.exercise.precision} 计算"
    finding = Finding(
        f"consistency.{variant.id}",
        said.verdict,
        Text(f"{variant.label.en}: agrees, {figures}.", f"{variant.label.zh}：一致，{figures_zh}。"),
        examined=outcome.samples,
        measured=_plain(error),
        limit=ground.limit,
        data={"figures": figures_of(outcome), "reasons": [each.en for each in said.reasons]},
    )
    if said.verdict is Verdict.PASS:
        return finding
    why, why_zh = "; ".join(e.en for e in said.reasons), "；".join(e.zh for e in said.reasons)
    en = f"{variant.label.en}: {why} ({figures})."
    return replace(finding, summary=Text(en, f"{variant.label.zh}：{why_zh}（{figures_zh}）。"))


def _amplified(ground: Ground, outcome: Outcome, finding: Finding) -> Finding:
    """Above the tolerance and below the ceiling, every answer the same: rounding, most likely."""
    return replace(
        finding,
        evidence=(_worst_table(ground, outcome),),
        cause=Text(
            "Rounding that this model amplifies on some samples: equal models were seen 8.5e-4 apart.",
            "模型在部分样本上放大了舍入误差：相同模型在真实输入上的差异可达 8.5e-4。",
        ),
        fix=Text(
            "Nothing has to change while the answers stay the same; set consistency.tolerance to accept it.",
            "只要答案一致就无需改动；可设置 consistency.tolerance 予以接受。",
        ),
    )


def _explained(
    trial: Trial, ground: Ground, outcome: Outcome, finding: Finding, tolerance: Tolerance
) -> Finding:
    """The same finding with the operator, the switch and the worst samples."""
    divergence, cause = _explain(trial, ground, outcome, tolerance)
    evidence: list[Evidence] = [_worst_table(ground, outcome)]
    if divergence.chart is not None:
        evidence.append(divergence.chart)
    found = cause or Text(
        "Usual causes: an operator the converter maps inexactly, a fusion with another rounding, or a lost "
        "attribute (padding, epsilon, sequence length).",
        "常见原因：某个算子转换不精确、图融合改变了舍入，或丢失了属性（填充、epsilon、序列长度）。",
    )
    return replace(
        finding,
        evidence=tuple(evidence),
        cause=Text(f"{divergence.text.en} {found.en}", f"{divergence.text.zh}{found.zh}"),
        fix=Text(
            "Do not deploy on this runtime as it stands: keep the switch that brings agreement, convert "
            "again with another converter or opset, or raise consistency.tolerance in the contract.",
            "请勿直接在该运行时上部署：保留能恢复一致的开关，换用其他版本的转换器或 opset 重新转换，"
            "或在契约中说明理由后放宽 consistency.tolerance。",
        ),
        where=divergence.where,
    )


def _explain(
    trial: Trial, ground: Ground, outcome: Outcome, tolerance: Tolerance
) -> tuple[Divergence, Text | None]:
    """First operator that diverges on the worst sample, and the switch that brings agreement."""
    variant = outcome.variant
    feed = ground.reference.feeds[outcome.worst[0][0]] if outcome.worst else None
    if feed is None:
        return Divergence("", Text("", ""), None), None
    trial.progress(f"looking for the operator in {variant.id}")
    pool = trial.pool if variant.artifact is None else PoolOf(trial.pool, variant.artifact)
    try:
        session = pool.get(variant.runtime, variant.options)
        divergence = localise(ground.session(trial), session, feed, tolerance=TRACE_TOLERANCE)
    except SeatrialError as error:
        divergence = Divergence("", Text(error.message, error.message), None)

    def agrees(options: SessionOptions) -> bool:
        other = replace(variant, options=options)
        changed = run_variant(trial, other, ground.reference, ground.samples, tolerance)
        said = judge(
            changed, trial.contract.task, tolerance, precision=trial.profile.precision, fewest_same=0.99
        )
        return said.verdict is Verdict.PASS

    found = find_cause(variant.options, variant.runtime, agrees)
    return divergence, found[1] if found else None


def figures_of(outcome: Outcome) -> dict[str, object]:
    """Everything measured on one variant, for machines."""
    low, high = disagreement_interval(outcome.changed, outcome.samples)
    return {
        "samples": outcome.samples,
        "answers": outcome.answers,
        "changed": outcome.changed,
        "changed_interval": [low, high],
        "outputs": [
            {
                "max_abs": _plain(each.max_abs),
                "scale_relative": _plain(each.scale_relative),
                "rms": _plain(each.rms),
                "cosine": each.cosine,
                "kl_mean": each.kl_mean,
                "disagreements": each.disagreements,
                "near_ties": each.near_ties,
                "structure": each.structure.en if each.structure else "",
            }
            for each in outcome.outputs
        ],
    }


def _plain(value: float) -> float | str:
    """JSON has no infinity."""
    return value if value != float("inf") else "inf"


def _absent(variant: Variant, why: Text, *, examined: int = 0) -> Finding:
    label, remedy = variant.label, variant.remedy
    if variant.gone is Verdict.SKIP:
        return Finding(
            f"consistency.{variant.id}",
            Verdict.SKIP,
            Text(f"{label.en}: not asked, {why.en}.", f"{label.zh}：未测试，{why.zh}。"),
            examined=examined,
        )
    first = Text(f"{remedy}; or run", f"{remedy}；或") if remedy else Text("Run", "请")
    return Finding(
        f"consistency.{variant.id}",
        variant.gone,
        Text(f"{label.en}: not exercised, {why.en}.", f"{label.zh}：未真正运行，{why.zh}。"),
        examined=examined,
        cause=why,
        fix=Text(
            f"{first.en} on a machine that can do it, or take {variant.runtime} out of the profile.",
            f"{first.zh}换到具备条件的机器上运行，或将 {variant.runtime} 从配置中移除。",
        ),
    )


def _broke(variant: Variant, error: SeatrialError) -> Finding:
    return Finding(
        f"consistency.{variant.id}",
        Verdict.FAIL,
        Text(
            f"{variant.label.en}: cannot run the model: {error.message}",
            f"{variant.label.zh}：无法运行该模型：{error.message}",
        ),
        examined=1,
        cause=Text(
            "The engine does not know an operator of this graph, or a graph optimisation breaks it.",
            "该引擎不支持图中的某个算子，或图优化破坏了它。",
        ),
        fix=Text(
            error.hint
            or "Choose another runtime for this model, or switch off the optimisation that is named.",
            error.hint or "请为该模型选择其他运行时，或关闭报错信息中提到的优化。",
        ),
    )


def _worst_table(ground: Ground, outcome: Outcome) -> Table:
    rows = []
    for index, error in outcome.worst:
        rows.append((ground.samples[index].key, _plain(error)))
    return Table(
        Text("Samples that differ most", "差异最大的样本"), ("sample", "scale-relative error"), tuple(rows)
    )


def reference_finding(ground: Ground, judged: Sequence[Judged]) -> Finding:
    """What was compared with what: the table of all variants."""
    spread = "not measurable (ids)" if ground.spread is None else f"{ground.spread:.2g}"
    spread_zh = "无法测量（输入为编号）" if ground.spread is None else f"{ground.spread:.2g}"
    count = len(ran(ground.reference))
    return Finding(
        "consistency.reference",
        Verdict.PASS,
        Text(
            f"Reference: {ground.runtime} without optimisation, {count} samples; natural spread {spread}, "
            f"tolerance {ground.tolerance.scale_relative:.2g}.",
            f"参考：未优化的 {ground.runtime}，{count} 个样本；自然波动 {spread_zh}，"
            f"容差 {ground.tolerance.scale_relative:.2g}。",
        ),
        examined=count,
        measured=ground.spread,
        evidence=_matrix_evidence(ground, judged),
    )


def _matrix_evidence(ground: Ground, judged: Sequence[Judged]) -> tuple[Evidence, ...]:
    rows: list[tuple[Scalar, ...]] = []
    bars: list[tuple[str, float]] = []
    for each in judged:
        name, outcome = each.finding.id.removeprefix("consistency."), each.outcome
        if outcome is None or not outcome.outputs:
            rows.append((name, str(each.finding.verdict), None, None, None, None, None, None, None, ""))
            continue
        worst = outcome.worst_output
        did = outcome.exercise
        rows.append(
            (
                name,
                str(each.finding.verdict),
                _plain(worst.max_abs),
                _plain(worst.scale_relative),
                _plain(worst.rms),
                round(worst.cosine, 9),
                worst.kl_mean,
                sum(e.disagreements for e in outcome.outputs),
                None if outcome.answers is None else round(outcome.answers, 5),
                f"{did.runtime}, {did.threads} threads, {did.precision}" if did else "",
            )
        )
        if worst.scale_relative != float("inf"):
            bars.append((name, max(worst.scale_relative, 1e-9)))
    columns = (
        "variant", "verdict", "max abs", "relative", "RMS", "cosine", "KL", "top-1 changed",
        "answers same", "exercised",
    )  # fmt: skip
    table = Table(Text("Every variant against the reference", "各变体与参考的比较"), columns, tuple(rows))
    if not bars:
        return (table,)
    picture = Chart(
        Text("Error by variant", "各变体误差"),
        "bar",
        "variant",
        "scale-relative error",
        (Series("error", tuple(name for name, _ in bars), tuple(error for _, error in bars)),),
        y_log=True,
        limit=ground.tolerance.scale_relative,
    )
    return (table, picture)
