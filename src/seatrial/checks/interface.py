"""Do contract, graph, preprocessing, labels and answers say the same thing? (`M03`)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.checks._finding import Control, Finding, Limit, Text, Verdict
from seatrial.checks._inference import Predictions, predictions
from seatrial.checks._interface.findings import (
    judge_failures,
    judge_golden,
    judge_permutation,
    judge_unseen,
)
from seatrial.checks._interface.metamorphic import best_permutation
from seatrial.checks._interface.pipeline_print import judge_pipeline, take
from seatrial.checks._interface.preprocessing_fit import SCORED, answer_index, preprocessing_fit
from seatrial.checks._interface.probes import (
    judge_probes,
    judge_scores,
    probe_batches,
    probe_dimensions,
    probe_refusals,
)
from seatrial.checks._interface.specs import (
    compare_inputs,
    compare_outputs,
    judge_label_count,
    judge_label_map,
    judge_names,
    judge_specs,
)
from seatrial.checks._interface.tokens import count_tokens, judge_tokens
from seatrial.checks._probing import CLASSIFICATION, ask, class_index, spread
from seatrial.checks._trial import INPUTS, Check, Trial, measured
from seatrial.contract.labels import fingerprint
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.contract import Contract

_GOLDEN = 8
RECORDED = frozenset({"golden", "print", "labels", "vocabulary"})
_MOST_SCORES = 4_000_000


def run(trial: Trial) -> list[Finding]:
    """Compares what is written, then tries it."""
    trial.progress("interface: contract against graph")
    contract, artifact = trial.contract, trial.artifact
    findings = [
        judge_specs("inputs", compare_inputs(contract.inputs, artifact.inputs), len(artifact.inputs)),
        judge_specs("outputs", compare_outputs(contract.outputs, artifact.outputs), len(artifact.outputs)),
    ]
    findings += names(trial)
    if any(each.verdict is Verdict.FAIL for each in findings[:2]):
        return findings  # nothing can be prepared for a graph that takes something else
    trial.progress("interface: held-out samples through the pipeline")
    try:
        found = predictions(trial)
    except SeatrialError as error:  # the structure check says more
        why = Text(
            f"the engine does not take the model: {error.message}", f"推理引擎无法加载模型：{error.message}"
        )
        return [*findings, judge_unseen("interface.samples", why)]
    findings += samples(trial, found)
    findings += probes(trial, found)
    trial.progress("interface: metamorphic probes")
    findings += permuted(trial, found)
    findings += preprocessing_fit(trial)
    return findings


# --- labels and vocabulary -----------------------------------------------------------------------------


def names(trial: Trial) -> list[Finding]:
    """The label map and the vocabulary by themselves and against the baseline."""
    contract = trial.contract
    findings = []
    if contract.labels:
        findings.append(judge_label_map(contract))
        width = contract.outputs[0].shape[-1] if contract.outputs and contract.outputs[0].shape else None
        if isinstance(width, int) and contract.task in SCORED:
            findings.append(judge_label_count(contract, width))
    if trial.baseline is not None:
        before = trial.baseline.figures.get("interface", {})
        same = trial.baseline.model_digest == trial.artifact.digest
        for what, listed in (("labels", contract.labels), ("vocabulary", contract.vocabulary)):
            if listed and before.get(what):
                findings.append(judge_names(what, fingerprint(listed), str(before[what]), same_model=same))
    return findings


# --- held-out samples ----------------------------------------------------------------------------------


def samples(trial: Trial, found: Predictions) -> list[Finding]:
    """Every sample must pass the preprocessing, twice alike, and every answer the output schema."""
    if not len(found):
        return [judge_unseen("interface.samples", Text("there is no held-out sample", "没有留出样本"))]
    refused = [(each.key, each.message) for each in found.failures if each.stage == "prepare"]
    broken = [(each.key, each.message) for each in found.failures if each.stage == "answer"]
    limit = trial.limit("interface.refused", 0.01, reason="a stray unreadable file")
    findings = [
        judge_failures("interface.samples", refused, len(found), limit),
        judge_failures("interface.answers", broken, max(len(found) - len(refused), 1), limit),
    ]
    chosen = spread(found.samples, _GOLDEN)
    first, again = (_golden(trial.contract, chosen) for _ in range(2))
    golden = judge_golden(trial, first, again, len(chosen))
    findings.append(replace(golden, data={**golden.data, "print": take(found)}))
    if trial.baseline is not None:
        findings += judge_pipeline(trial, found, trial.baseline)
    findings += tokens(trial, found)
    rows = spread([outputs[0] for outputs in found.outputs if outputs is not None], 256)
    if rows and trial.contract.task in SCORED and rows[0].dtype.kind == "f" and rows[0].ndim >= 2:
        steps = [call.name for call in trial.contract.postprocess.calls]
        flat = _some_rows(rows)
        findings.append(judge_scores(flat, steps))
        if trial.contract.labels and not isinstance(trial.contract.outputs[0].shape[-1], int):
            findings.append(judge_label_count(trial.contract, int(flat.shape[-1])))
    return findings


def _some_rows(outputs: Sequence[Any]) -> Any:
    """Scores of up to 4096 places, some of every sample; fewer of a dictionary of thousands."""
    flat = [np.asarray(each).reshape(-1, each.shape[-1]) for each in outputs]
    count = max(256, min(4096, _MOST_SCORES // max(flat[0].shape[-1], 1)))
    few = max(1, count // len(flat))
    return np.concatenate([each[:: max(1, len(each) // few)][:few] for each in flat])


def tokens(trial: Trial, found: Predictions) -> list[Finding]:
    """The ids that the held-out texts become, where the contract has a vocabulary."""
    inputs = [each for each in trial.contract.inputs if each.dtype in ("int64", "int32")]
    feeds = [feed for feed in found.feeds if feed is not None]
    if not trial.contract.vocabulary or not inputs or not feeds:
        return []
    counted = count_tokens(feeds, inputs[0].name, trial.contract.vocabulary)
    limit = trial.limit("interface.unknown_tokens", 0.3, reason="a fitting vocabulary knows most words")
    return [judge_tokens(counted, limit)]


def _golden(contract: Contract, chosen: Sequence[Any]) -> str:
    """Digest of what some samples become, to three decimals (other libraries differ in the last bits)."""
    digest = hashlib.sha256()
    for sample in chosen:
        try:
            feeds, _ = contract.prepare(sample.payload)
        except SeatrialError as error:
            digest.update(type(error).__name__.encode())
            continue
        for name in sorted(feeds):
            array = np.asarray(feeds[name])
            rounded = np.round(array.astype("float64"), 3) + 0.0 if array.dtype.kind == "f" else array
            digest.update(
                f"{name}{array.shape}{array.dtype}".encode() + np.ascontiguousarray(rounded).tobytes()
            )
    return "sha256:" + digest.hexdigest()


# --- probes --------------------------------------------------------------------------------------------


def probes(trial: Trial, found: Predictions) -> list[Finding]:
    """Batch sizes, free dimensions and refusals, on one prepared sample."""
    place = next(iter(found.answered), None)
    feed = found.feeds[place] if place is not None else None
    if feed is None:
        why = Text("no sample got an answer, so nothing could be probed", "没有样本得到答案，无法进行探测")
        return [judge_unseen("interface.batch", why)]
    ask_engine = partial(ask, trial)
    findings = [
        judge_probes(
            "interface.batch", Text("batch sizes", "批大小"), probe_batches(ask_engine, trial.contract, feed)
        ),
        judge_probes(
            "interface.refusals",
            Text("inputs that break the graph's specs", "违反规格的输入"),
            probe_refusals(ask_engine, feed),
        ),
    ]
    sizes = probe_dimensions(ask_engine, trial.contract, feed)
    if sizes:
        findings.append(judge_probes("interface.dimensions", Text("free dimensions", "可变维度"), sizes))
    return findings


# --- metamorphic ---------------------------------------------------------------------------------------


def permuted(trial: Trial, found: Predictions) -> list[Finding]:
    """Whether the answers fit the labels better after a renaming of classes."""
    if trial.contract.task not in CLASSIFICATION:
        return []
    pairs = [
        (class_index(trial.contract, found.samples[place].label), answer_index(found.answers[place]))
        for place in found.answered
    ]
    known = [(truth, answer) for truth, answer in pairs if truth is not None and answer is not None]
    if len(known) < 20:
        return []
    classes = max(max(pair) for pair in known) + 1
    truth, answers = zip(*known, strict=True)
    limit = trial.limit("interface.permutation_gain", 0.02, reason="accuracy gained by renaming classes")
    return [judge_permutation(best_permutation(truth, answers, classes), limit, trial.contract.labels)]


# --- negative control and record -----------------------------------------------------------------------


def control(trial: Trial) -> Control:
    """A renamed input, two exchanged classes and unnormalised scores must be rejected."""
    declared = trial.contract.inputs
    renamed = [replace(each, name=f"{each.name}-renamed") for each in declared]
    truth = np.tile(np.arange(4), 30)
    swapped = np.where(truth == 0, 1, np.where(truth == 1, 0, truth))
    limit = Limit(0.02, "control")
    logits = np.random.default_rng(trial.seed).normal(0, 4, (16, 4))
    verdicts = [
        judge_specs("inputs", compare_inputs(renamed, trial.artifact.inputs), len(renamed)).verdict,
        judge_permutation(best_permutation(truth, swapped, 4), limit, ()).verdict,
        judge_scores(logits, ["topk"]).verdict,
    ]
    refused = sum(each is Verdict.FAIL for each in verdicts)
    return Control(
        refused == len(verdicts),
        Text(
            f"a renamed input, two exchanged classes, scores without softmax: {refused} of 3 rejected",
            f"重命名的输入、互换的两个类别、缺少 softmax 的分数：3 项中拒绝了 {refused} 项",
        ),
    )


def record(findings: list[Finding]) -> dict[str, Any]:
    """Figures, and the fingerprints of labels and prepared tensors."""
    figures = measured(findings)
    for each in findings:
        figures |= {key: value for key, value in each.data.items() if key in RECORDED}
    return figures


CHECK = Check(
    name="interface",
    order=3,
    title=Text("Interface", "接口"),
    question=Text(
        "Do contract, graph, preprocessing, labels and answers say the same thing?",
        "契约、计算图、预处理、标签与答案是否一致？",
    ),
    promises=("M03",),
    run=run,
    control=control,
    record=record,
    reads=INPUTS - {"delivered", "members"},
)
