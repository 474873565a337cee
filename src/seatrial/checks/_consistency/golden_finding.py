"""What changed since the baseline: golden outputs, and the accepted model run beside where it still lies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seatrial.checks._consistency.divergence import Divergence, localise
from seatrial.checks._consistency.golden import compare_print, take_print
from seatrial.checks._consistency.ground import Ground
from seatrial.checks._consistency.variants import Outcome, PoolOf, Variant, measure, ran
from seatrial.checks._finding import Evidence, Finding, Table, Text, Verdict
from seatrial.checks._inference import predictions
from seatrial.checks._trial import Baseline, Trial, accepted_model
from seatrial.errors import SeatrialError

TRACE_TOLERANCE = 1e-5  # one graph, one engine, no optimisation: what moved was changed


def golden_finding(trial: Trial, ground: Ground) -> Finding:
    """Today's outputs against those of the baseline; takes the print that the next baseline will keep."""
    kept = trial.baseline.figures.get("consistency", {}).get("golden") if trial.baseline else None
    taken = take_print(ground.reference, ran(ground.reference))
    data = {"print": taken}
    if trial.baseline is None or not isinstance(kept, dict):
        count = len(taken["samples"])
        return Finding(
            "consistency.golden",
            Verdict.PASS,
            Text(
                f"No golden outputs to compare with; those of {count} samples go into the next baseline.",
                f"尚无可比较的标准输出；已记录 {count} 个样本的输出，供下一个基线使用。",
            ),
            examined=count,
            data=data,
        )
    reason = _incomparable(trial, trial.baseline)
    if reason is not None:
        return Finding("consistency.golden", Verdict.SKIP, reason, examined=0, data=data)
    return _compare(trial, ground, trial.baseline, kept, data)


def _incomparable(trial: Trial, baseline: Baseline) -> Text | None:
    if baseline.data_digest != trial.held_out.digest:
        return Text(
            f"Baseline {baseline.name} was made on other data; golden outputs are not comparable.",
            f"基线 {baseline.name} 使用了不同的数据，标准输出不可比。",
        )
    if baseline.preprocess_digest != trial.contract.preprocess_digest():
        return Text(
            f"Baseline {baseline.name} was made with other preprocessing; golden outputs are not comparable.",
            f"基线 {baseline.name} 使用了不同的预处理，标准输出不可比。",
        )
    return None


def _compare(
    trial: Trial, ground: Ground, baseline: Baseline, kept: dict[str, Any], data: dict[str, Any]
) -> Finding:
    reference = _with_keys(trial, ground, list(kept.get("samples", {})))
    found = compare_print(kept, reference)
    same_model = baseline.model_digest == trial.artifact.digest
    allowed = ground.float32.scale_relative
    source = f"float32 tolerance, calibrated, against baseline {baseline.name}"
    error = found.scale_relative
    finding = Finding(
        "consistency.golden",
        Verdict.PASS,
        Text(
            f"Outputs of {found.samples} golden samples are those of baseline {baseline.name} "
            f"(relative error {error:.2g}).",
            f"{found.samples} 个标准样本的输出与基线 {baseline.name} 一致（相对误差 {error:.2g}）。",
        ),
        examined=found.samples,
        measured=error if error != float("inf") else "inf",
        limit=replace(ground.limit, value=allowed, source=source),
        data=data,
    )
    if not found.samples:
        return replace(
            finding,
            verdict=Verdict.INCONCLUSIVE,
            summary=Text("None of the golden samples got an answer today.", "标准样本今天都没有得到答案。"),
            cause=Text("The held-out set or its keys changed.", "留出数据或样本键发生了变化。"),
            fix=Text("Accept a new baseline for this data.", "请为这份数据接受新的基线。"),
        )
    if not found.structure and error <= allowed:
        return finding
    return _changed(trial, ground, baseline, replace(finding, where=found.worst), same_model=same_model)


def _changed(
    trial: Trial, ground: Ground, baseline: Baseline, finding: Finding, *, same_model: bool
) -> Finding:
    """Outputs moved: with the same model that is the environment's fault, else a change to look at."""
    if same_model:
        return replace(
            finding,
            verdict=Verdict.FAIL,
            summary=Text(
                f"The same model answers differently than baseline {baseline.name}: "
                f"relative error {_number(finding.measured)}.",
                f"同一模型的输出与基线 {baseline.name} 不同：相对误差 {_number(finding.measured)}。",
            ),
            cause=Text(
                "The runtime, its version or the machine changed.", "运行时、其版本或机器发生了变化。"
            ),
            fix=Text(
                "Compare the environment of the two reports and pin the runtime of the baseline.",
                "比较两份报告的环境信息，并锁定基线所用的运行时版本。",
            ),
        )
    error = _number(finding.measured)
    beside, text = _beside(trial, ground, baseline)
    evidence: tuple[Evidence, ...] = ()
    if beside is not None:
        evidence = (_table(beside[0]),)
        if beside[1].chart is not None:
            evidence = (*evidence, beside[1].chart)
    return replace(
        finding,
        verdict=Verdict.WARN,
        summary=Text(
            f"Outputs changed against baseline {baseline.name}: relative error {error}. {text.en}",
            f"输出与基线 {baseline.name} 相比发生变化：相对误差 {error}。{text.zh}",
        ),
        evidence=evidence,
        cause=Text(
            "The weights or an attribute of the graph changed. Accuracy alone does not show small changes.",
            "权重或图的属性发生了变化；仅看准确率发现不了小的变化。",
        ),
        fix=Text(
            "If this is a new version, accept it as a baseline with a reason; else restore the old files.",
            "若为新版本，请说明理由并接受为新基线；否则请恢复已批准的文件。",
        ),
        where=beside[1].where if beside is not None and beside[1].where else finding.where,
    )


def _number(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _with_keys(trial: Trial, ground: Ground, keys: list[str]) -> Any:
    """Reference predictions that hold the golden samples, whatever this tier chose."""
    have = {each.key for each in ground.samples}
    if have >= set(keys):
        return ground.reference
    wanted = tuple(each for each in trial.held_out.samples if each.key in set(keys))
    return predictions(trial, ground.runtime, ground.options, wanted)


def _beside(
    trial: Trial, ground: Ground, baseline: Baseline
) -> tuple[tuple[Outcome, Divergence] | None, Text]:
    """Runs the accepted model on the same samples when its files are still there and unchanged."""
    gone = Text(
        "The accepted model's files are gone, so the operator cannot be named.",
        "已批准模型的文件已不在，无法指出具体算子。",
    )
    accepted = accepted_model(baseline)
    if accepted is None:
        return None, gone
    try:
        pool = PoolOf(trial.pool, accepted)
        before = predictions(replace(trial, pool=pool), ground.runtime, ground.options, ground.samples)
        label = Text(f"baseline {baseline.name}", f"基线 {baseline.name}")
        variant = Variant("golden", ground.runtime, ground.options, label, artifact=accepted)
        outcome = measure(variant, trial.contract.task, before, ground.reference, ground.float32)
        index = outcome.worst[0][0]
        feed = ground.reference.feeds[index]
        divergence = localise(
            pool.get(ground.runtime, ground.options),
            ground.session(trial),
            feed or {},
            tolerance=TRACE_TOLERANCE,
        )
    except (SeatrialError, IndexError):
        return None, gone
    return (outcome, divergence), divergence.text


def _table(outcome: Outcome) -> Table:
    rows = tuple(
        (place, each.max_abs, each.rms, each.cosine, each.disagreements + each.near_ties, outcome.answers)
        for place, each in enumerate(outcome.outputs)
        if not each.structure
    )
    return Table(
        Text("Against the accepted model", "与已批准模型的比较"),
        ("output", "max abs", "RMS", "cosine", "top-1 changed", "answers same"),
        rows,
    )
