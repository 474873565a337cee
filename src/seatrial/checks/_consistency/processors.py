"""The same model on other processors and in browsers, where the profile or the user asks for it (`M05`).

float32 is compared with the reference under its calibrated tolerance. Integers have nothing to round: an
int8 model is compared with the same engine on this processor, and has to be equal to the bit. Emulation is
slow, so a few samples are asked, and no time is told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from seatrial.checks._consistency.findings import figures_of
from seatrial.checks._consistency.ground import UNKNOWN_SPREAD, Ground
from seatrial.checks._consistency.integer_part import integer_part, same_integers
from seatrial.checks._consistency.saturation import saturating_weights, saturation_cause, unseen_saturation
from seatrial.checks._consistency.tolerance import Tolerance, calibrated
from seatrial.checks._consistency.variants import Outcome, PoolOf, Variant, judge, measure
from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.checks._inference import Predictions, predictions, production_options, production_runtime
from seatrial.checks._probing import spread
from seatrial.checks._trial import Trial
from seatrial.contract.sample import Sample
from seatrial.errors import EngineFailure, SeatrialError
from seatrial.model.artifact import Artifact
from seatrial.runtimes import SessionOptions, all_runtimes, available_runtimes, native_precision

MOST_SAMPLES = {False: 16, True: 64}
SECONDS = {False: 60.0, True: 300.0}  # of one processor, beside loading the model there
TIMEOUT = 900.0  # of one call: a ResNet18 took 152 s on a busy machine


@dataclass(frozen=True)
class _Side:
    """One processor that is asked.

    Attributes:
        variant: How.
        trial: The trial as that variant sees it: of the model in the format that it runs.
        precision: That the files are in.
        twin: The same engine on this processor.
        twin_options: Its options.
    """

    variant: Variant
    trial: Trial
    precision: str
    twin: str
    twin_options: SessionOptions


def processor_findings(trial: Trial, ground: Ground) -> list[Finding]:
    """One finding a runtime that the profile names under `also`, and one about what none of them shows."""
    found = []
    for name in trial.profile.also:
        trial.progress(f"{name}, a few samples")
        side = _side(trial, name)
        found.append(side if isinstance(side, Finding) else _asked(trial, ground, side))
    unseen = unseen_saturation(trial) if trial.profile.also else None
    return [*found, unseen] if unseen is not None else found


def _side(trial: Trial, name: str) -> _Side | Finding:
    known = all_runtimes().get(name)
    if known is None:
        why = Text(f"there is no runtime '{name}'", f"没有名为 {name} 的运行时")
        return _absent(name, why, "seatrial list runtimes")
    if not known.available():
        return _absent(name, Text(f"{name} is not installed", f"{name} 未安装"), known.how_to_get())
    artifact = trial.artifact
    if artifact.format not in known.formats:
        try:
            artifact = trial.pool.converted(known.formats[0])
        except SeatrialError as error:
            why = Text(
                f"it does not run {artifact.format}, and the model cannot be converted: {error.message}",
                f"它不支持 {artifact.format}，且模型无法转换：{error.message}",
            )
            return _absent(name, why, error.hint)
    own = artifact.digest == trial.artifact.digest
    installed = trial.pool.runtimes() if own else available_runtimes(artifact)
    twin = known.twin if known.twin in installed else next(iter(installed), production_runtime(trial))
    through = "" if own else f", through {artifact.format}"
    label = Text(f"{name}{through}", f"{name}{f'（经 {artifact.format} 转换）' if through else ''}")
    options = SessionOptions(threads=trial.profile.threads, timeout=TIMEOUT)
    variant = Variant(f"also-{name}", name, options, label, artifact=None if own else artifact)
    there = trial if own else replace(trial, pool=PoolOf(trial.pool, artifact))
    plain = SessionOptions(threads=trial.profile.threads)
    production = production_options(trial) if twin == production_runtime(trial) else plain
    return _Side(variant, there, _precision(trial, artifact), twin, production)


def _precision(trial: Trial, artifact: Artifact) -> str:
    native = native_precision(artifact)
    return trial.profile.precision if native == "float32" else native


def _asked(trial: Trial, ground: Ground, side: _Side) -> Finding:
    variant = side.variant
    exact = side.precision == "int8"
    try:
        samples = _affordable(side, trial.held_out.samples, full=trial.full)
        given = predictions(side.trial, variant.runtime, variant.options, samples)
        if exact:
            reference = predictions(side.trial, side.twin, side.twin_options, samples)
        else:
            reference = predictions(trial, ground.runtime, ground.options, samples)
    except EngineFailure as error:
        return _refused(side, error)
    except SeatrialError as error:
        return _absent(variant.runtime, Text(error.message, error.message), error.hint)
    if late := _too_late(given):
        return _late(side, late)
    tolerance = _tolerance(trial, ground, side.precision)
    outcome = measure(variant, trial.contract.task, reference, given, tolerance)
    return _exact(trial, ground, side, outcome, given) if exact else _near(trial, side, outcome, tolerance)


def _affordable(side: _Side, samples: tuple[Sample, ...], *, full: bool) -> tuple[Sample, ...]:
    """As many samples as that processor gets through in the tier's time, a power of two, at least one."""
    first = tuple(spread(samples, 1))
    side.trial.pool.get(side.variant.runtime, side.variant.options)
    begin = time.monotonic()
    predictions(side.trial, side.variant.runtime, side.variant.options, first)
    each = time.monotonic() - begin
    count = max(1, min(MOST_SAMPLES[full], int(SECONDS[full] / max(each, 1e-6))))
    return tuple(spread(samples, 1 << (count.bit_length() - 1)))


def _tolerance(trial: Trial, ground: Ground, precision: str) -> Tolerance:
    if precision == trial.profile.precision:
        return ground.tolerance
    return calibrated(precision, UNKNOWN_SPREAD if ground.spread is None else ground.spread)


def _near(trial: Trial, side: _Side, outcome: Outcome, tolerance: Tolerance) -> Finding:
    """Floating point: the tolerance of the precision, and every answer the same."""
    least = trial.limit("consistency.answers", 0.99, reason="boxes and masks move by a pixel at a threshold")
    said = judge(
        outcome, trial.contract.task, tolerance, precision=side.precision, fewest_same=float(least.value or 0)
    )
    limit = Limit(float(f"{tolerance.scale_relative:.3g}"), f"{side.precision} tolerance, calibrated")
    figures, figures_zh = _figures(trial, outcome)
    label = side.variant.label
    if said.verdict is Verdict.PASS:
        text = Text(f"{label.en}: agrees, {figures}.", f"{label.zh}：一致，{figures_zh}。")
        return _finding(side, outcome, said.verdict, text, limit)
    why, why_zh = "; ".join(e.en for e in said.reasons), "；".join(e.zh for e in said.reasons)
    text = Text(f"{label.en}: {why} ({figures}).", f"{label.zh}：{why_zh}（{figures_zh}）。")
    return replace(
        _finding(side, outcome, said.verdict, text, limit),
        cause=Text(
            "Another order of additions is rounding, which this exceeds: an operator of that processor's "
            "engine computes something else, or the model amplifies rounding.",
            "不同的累加顺序只带来舍入误差，而此处已超出：该处理器上引擎的某个算子计算有别，"
            "或模型放大了舍入误差。",
        ),
        fix=Text(
            "Do not deploy there as it stands; try another version of the engine on that processor, or raise "
            "consistency.tolerance in the contract.",
            "请勿直接在该处理器上部署；可换用该处理器上引擎的其他版本，"
            "或在契约中放宽 consistency.tolerance。",
        ),
    )


def _exact(trial: Trial, ground: Ground, side: _Side, outcome: Outcome, given: Predictions) -> Finding:
    """Integers: equal to the bit; what is float after them may round, no more than float32 does."""
    figures, figures_zh = _figures(trial, outcome)
    label, limit = side.variant.label, Limit(0.0, "int8 is equal to the bit, or not for several processors")
    if outcome.identical and not outcome.failures:
        text = Text(
            f"{label.en}: equal to the bit with {side.twin} here, {figures}.",
            f"{label.zh}：与本机 {side.twin} 逐位相同，{figures_zh}。",
        )
        return _finding(side, outcome, Verdict.PASS, text, limit)
    rounding = ground.float32
    close = bool(outcome.outputs) and not outcome.changed and not outcome.failures
    close = close and all(
        not each.structure and each.max_abs <= rounding.bound(each.scale) for each in outcome.outputs
    )
    if close and (after := _same_but_for(side, given)):
        text = Text(
            f"{label.en}: every integer equal to the bit with {side.twin} here; {after} after them, "
            f"in float32, rounds: {figures}.",
            f"{label.zh}：所有整数与本机 {side.twin} 逐位相同；"
            f"其后的 float32 算子 {after} 有舍入：{figures_zh}。",
        )
        most = max(rounding.bound(each.scale) for each in outcome.outputs)
        allowed = Limit(float(f"{most:.3g}"), "float32 rounding, after integers that are equal to the bit")
        return _finding(side, outcome, Verdict.PASS, text, allowed)
    verdict = Verdict.WARN if close else Verdict.FAIL
    text = Text(
        f"{label.en}: not equal to the bit with {side.twin} here, {figures}.",
        f"{label.zh}：与本机 {side.twin} 并非逐位相同，{figures_zh}。",
    )
    finding = _finding(side, outcome, verdict, text, limit)
    if close:
        return replace(
            finding,
            cause=Text(
                "No more than float32 rounds: parts of the graph, before integers, are computed in float32.",
                "差异不超过 float32 舍入：图中整数部分之前有以 float32 计算的算子。",
            ),
            fix=Text("Nothing has to change while the answers stay the same.", "只要答案不变，就无需改动。"),
        )
    saturating = saturating_weights(side.variant.artifact or trial.artifact)
    cause, fix = saturation_cause(saturating)
    return replace(finding, cause=cause, fix=fix)


def _same_but_for(side: _Side, given: Predictions) -> str:
    """The operators after the last integers, when those are equal to the bit; else empty."""
    artifact = side.variant.artifact or side.trial.artifact
    try:
        part = integer_part(artifact, side.trial.scratch / f"integers-{side.variant.runtime}")
        if part is None:
            return ""
        sides = ((side.twin, side.twin_options), (side.variant.runtime, side.variant.options))
        same = same_integers(side.trial.pool, part, given, sides=sides)
    except SeatrialError:
        return ""  # an engine that does not take the shorter graph says nothing about the whole one
    return ", ".join(sorted(part.after)) if same else ""


def _figures(trial: Trial, outcome: Outcome) -> tuple[str, str]:
    error = max((each.max_abs for each in outcome.outputs), default=float("inf"))
    whole = len(trial.held_out.samples)
    en = f"max abs {error:.2g} on {outcome.samples} of {whole} samples"
    zh = f"{whole} 个样本中取 {outcome.samples} 个，最大绝对误差 {error:.2g}"
    if outcome.answers is None:
        return en, zh
    return f"{en}, {outcome.answers:.2%} of the answers the same", f"{zh}，答案一致率 {outcome.answers:.2%}"


def _finding(side: _Side, outcome: Outcome, verdict: Verdict, summary: Text, limit: Limit) -> Finding:
    rows = tuple(
        (
            place,
            each.max_abs if each.max_abs != float("inf") else "inf",
            "yes" if each.identical else "no",
            round(each.cosine, 9),
            each.disagreements + each.near_ties,
            each.rows,
        )
        for place, each in enumerate(outcome.outputs)
    )
    columns = ("output", "max abs", "equal to the bit", "cosine", "top-1 changed", "rows")
    title = Text(f"{side.variant.label.en}, output by output", f"{side.variant.label.zh}，逐个输出")
    worst = max((each.max_abs for each in outcome.outputs), default=0.0)
    return Finding(
        f"consistency.{side.variant.id}",
        verdict,
        summary,
        examined=outcome.samples,
        measured=worst if worst != float("inf") else "inf",
        limit=limit,
        evidence=(Table(title, columns, rows),) if rows else (),
        data={
            "figures": figures_of(outcome),
            "equal_to_the_bit": outcome.identical,
            "engine": outcome.exercise.runtime if outcome.exercise else "",
        },
    )


def _too_late(given: Predictions) -> str:
    late = next((each for each in given.failures if each.kind == "timeout"), None)
    return late.message if late is not None else ""


def _late(side: _Side, message: str) -> Finding:
    """Nothing is known of a model that is too large for the emulator's patience."""
    why = Text(
        f"one sample takes longer than {TIMEOUT:g} s there: {message}",
        f"单个样本耗时超过 {TIMEOUT:g} 秒：{message}",
    )
    return _absent(side.variant.runtime, why, "ask a smaller model, or the device itself")


def _refused(side: _Side, error: EngineFailure) -> Finding:
    if error.kind == "timeout":
        return _late(side, error.message)
    label = side.variant.label
    return Finding(
        f"consistency.{side.variant.id}",
        Verdict.FAIL,
        Text(
            f"{label.en}: cannot run the model: {error.message}",
            f"{label.zh}：无法运行该模型：{error.message}",
        ),
        examined=1,
        cause=Text(
            "That engine does not know an operator of this graph, or it is older than the one here.",
            "该引擎不支持图中的某个算子，或其版本低于本机的引擎。",
        ),
        fix=Text(
            error.hint or "Export with an older opset, or leave that processor out of the release.",
            error.hint or "请以较低的 opset 重新导出，或不在该处理器上发布。",
        ),
    )


def _absent(name: str, why: Text, remedy: str) -> Finding:
    first = f"{remedy}; or take" if remedy else "Take"
    first_zh = f"{remedy}；或将" if remedy else "将"
    return Finding(
        f"consistency.also-{name}",
        Verdict.NOT_EXERCISED,
        Text(f"{name}: not exercised, {why.en}.", f"{name}：未真正运行，{why.zh}。"),
        examined=0,
        cause=why,
        fix=Text(
            f"{first} {name} out of what is asked for (--also, or `also` in the profile).",
            f"{first_zh} {name} 从要求中移除（--also，或配置中的 also）。",
        ),
    )
