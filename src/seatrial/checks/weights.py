"""Are the weights complete, sound, and those that were trained? (`M02`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seatrial.checks._finding import Control, Finding, Text, Verdict
from seatrial.checks._structure.graph_view import operators_of
from seatrial.checks._trial import Check, Trial, measured
from seatrial.checks._weights.findings import (
    MEAN,
    VARIANCE,
    judge_constant,
    judge_dead,
    judge_denormals,
    judge_duplicates,
    judge_finite,
    judge_magnitude,
    judge_variance,
    judge_zero,
)
from seatrial.checks._weights.identity import judge_previous, judge_problems, judge_rows, judge_untouched
from seatrial.checks._weights.tensor_facts import TensorFacts, read_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatrial.model import Artifact

# Where the running mean stands among the inputs; the variance follows (PIR; ONNX).
_STATISTICS_AT = {"batch_norm_": 1, "sync_batch_norm_": 1, "BatchNormalization": 3}
_NORMALISERS = frozenset(
    {"batch_norm", "batch_norm_", "sync_batch_norm", "sync_batch_norm_", "BatchNormalization"}
)


def run(trial: Trial) -> list[Finding]:
    """Reads every tensor once and judges it by itself, among its peers and against the last release."""
    trial.progress("weights: reading every tensor")
    artifact = trial.artifact
    facts, missing = read_facts(artifact.parameters)
    problems = [each for each in artifact.problems if each.room == "weights"]
    broken = len(problems) < len(artifact.problems)
    findings = judge_problems(problems, len(artifact.parameters), missing, broken=broken)
    if facts:
        findings += judge_figures(trial, facts)
    findings += _vocabulary(trial, {each.name: each for each in facts})
    digests = {each.name: each.digest for each in facts}
    findings[0] = replace(findings[0], data={**findings[0].data, "tensors": digests})
    if trial.baseline is not None:
        before = trial.baseline.figures.get("weights", {}).get("tensors", {})
        if before:
            findings.append(judge_previous(digests, before, trial.baseline.name))
    return findings


def judge_figures(trial: Trial, facts: Sequence[TensorFacts]) -> list[Finding]:
    """Everything that the figures of the tensors tell."""
    pairs = statistics_of(trial.artifact)
    known = {each.name: each for each in facts}
    variances = frozenset(variance for _, variance in pairs)
    return [
        judge_finite(facts),
        judge_zero(facts),
        judge_constant(facts),
        judge_dead(facts, trial.limit("weights.dead_channels", 0.25, reason="good recognisers have 3 %")),
        judge_variance(facts, variances),
        judge_magnitude(facts, trial.profile.precision),
        judge_denormals(facts, trial.limit("weights.denormals", 0.05, reason="good recognisers have 1.2 %")),
        judge_duplicates(facts),
        judge_untouched(known, [pair for pair in pairs if pair[0] in known and pair[1] in known]),
    ]


def statistics_of(artifact: Artifact) -> list[tuple[str, str]]:
    """(mean, variance) of every normalisation layer: by the graph where it is told, else by name."""
    names = {each.name for each in artifact.parameters}
    pairs = []
    for operator in operators_of(artifact):
        statistics = (
            [each for each in operator.inputs if each in names] if operator.type in _NORMALISERS else []
        )
        means = [each for each in statistics if MEAN.match(each)]
        variances = [each for each in statistics if VARIANCE.match(each)]
        place = _STATISTICS_AT.get(operator.type)
        if place and len(operator.inputs) >= 5:
            means, variances = [operator.inputs[place]], [operator.inputs[place + 1]]
        if len(means) == len(variances) == 1:
            pairs.append((means[0], variances[0]))
    return pairs or _statistics_by_name(names)


def _statistics_by_name(names: set[str]) -> list[tuple[str, str]]:
    """The same where the graph does not tell its operators."""
    variances = sorted(name for name in names if VARIANCE.match(name))
    means = sorted(name for name in names if MEAN.match(name))
    if len(variances) == len(means):
        return list(zip(means, variances, strict=True))
    return [(means[0] if means else variance, variance) for variance in variances]


def _vocabulary(trial: Trial, facts: Mapping[str, TensorFacts]) -> list[Finding]:
    """The embedding of token ids against the contract's vocabulary."""
    count = len(trial.contract.vocabulary)
    if not count:
        return []
    tables = [each for each in facts.values() if len(each.shape) == 2 and "embedding" in each.name.lower()]
    if not tables:
        return []
    first = max(tables, key=lambda each: (each.shape[0] == count, each.shape[0]))
    return [judge_rows(first.name, first.shape[0], count)]


def control(trial: Trial) -> Control:
    """Copies of the model's own tensors: one with NaN, one all zero, one with a flipped exponent bit."""
    facts, _ = read_facts(each for each in trial.artifact.parameters if len(each.shape) > 1)
    floats = [each for each in facts if each.floating and each.count >= 16 and each.shape[0] > 1]
    like = (
        floats[0]
        if floats
        else TensorFacts("control", "float32", (4, 4), 16, "0" * 64, floating=True, largest=1.0)
    )
    verdicts = [
        judge_finite([replace(like, nonfinite=1)]).verdict,
        judge_zero([replace(like, zeros=like.count, low=0.0, high=0.0)]).verdict,
        judge_magnitude([replace(like, largest=max(like.largest, 1e-6) * 2.0**128)], "float32").verdict,
    ]
    refused = sum(each is Verdict.FAIL for each in verdicts)
    return Control(
        refused == len(verdicts),
        Text(
            f"{like.name} with a NaN, with zeros only, with a flipped exponent bit: {refused} of 3 rejected",
            f"向 {like.name} 注入 NaN、全零、指数位翻转：3 种中拒绝了 {refused} 种",
        ),
    )


def record(findings: list[Finding]) -> dict[str, Any]:
    """Digests of all tensors by name, and the figures, so that the next release is compared by tensor."""
    figures = measured(findings)
    for each in findings:
        figures |= {key: value for key, value in each.data.items() if key == "tensors"}
    return figures


CHECK = Check(
    name="weights",
    order=2,
    title=Text("Weights", "权重"),
    question=Text(
        "Are the weights complete, sound, and those that were trained?",
        "权重是否完整、健康，并且就是训练得到的那一份？",
    ),
    promises=("M02",),
    run=run,
    control=control,
    reads=frozenset({"model", "contract", "profile", "baseline"}),
    record=record,
)
