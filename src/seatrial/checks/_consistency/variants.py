"""The matrix of runtimes, threads, fusions and precisions that one model must agree over (`M05`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seatrial.checks._consistency.agreement import FUZZY, agreement
from seatrial.checks._consistency.tolerance import (
    CEILING,
    Comparison,
    Tolerance,
    allowed_disagreements,
    compare,
    merge,
    objections,
)
from seatrial.checks._finding import Text, Verdict
from seatrial.checks._inference import Predictions, predictions, production_options, production_runtime
from seatrial.checks._trial import SessionPool, Trial
from seatrial.contract.sample import Sample
from seatrial.errors import SeatrialError
from seatrial.model.artifact import Artifact
from seatrial.runtimes import Exercise, Session, SessionOptions, all_runtimes


@dataclass(frozen=True)
class Variant:
    """One way to run the model.

    Attributes:
        id: Last part of the finding's id: `paddle`, `paddle-threads-2`, `onnxruntime`.
        runtime: Runtime.
        options: Its options.
        label: For people.
        artifact: Another format of the model, or None for the one on trial.
        unavailable: Why it cannot run here, or None.
        gone: Verdict of a variant that cannot run.
        remedy: What brings it, such as a pip line; may be empty.
    """

    id: str
    runtime: str
    options: SessionOptions
    label: Text
    artifact: Artifact | None = None
    unavailable: Text | None = None
    gone: Verdict = Verdict.NOT_EXERCISED
    remedy: str = ""


@dataclass(frozen=True)
class Outcome:
    """What one variant answered beside the reference.

    Attributes:
        variant: Which.
        outputs: One comparison an output of the graph.
        answers: Share of answers that are the same (tasks of boxes and masks: mean share), or None.
        changed: Samples whose answer changed.
        samples: Samples compared.
        failures: Samples that the reference answered and this variant did not, with the reason.
        worst: Places (in the order of the samples) and errors of the worst samples, worst first.
        exercise: What the session really did, or None when it answered nothing.
    """

    variant: Variant
    outputs: tuple[Comparison, ...]
    answers: float | None
    changed: int
    samples: int
    failures: tuple[tuple[str, str], ...]
    worst: tuple[tuple[int, float], ...]
    exercise: Exercise | None

    @property
    def identical(self) -> bool:
        """Whether every output is bit-identical to the reference."""
        return bool(self.outputs) and all(each.identical for each in self.outputs)

    @property
    def worst_output(self) -> Comparison:
        """The output with the largest scale-relative error."""
        return max(self.outputs, key=lambda each: (bool(each.structure), each.scale_relative))


class PoolOf:
    """A pool whose `get` means another artifact; lets `predictions` run a converted model."""

    def __init__(self, pool: SessionPool, artifact: Artifact) -> None:
        self._pool, self._artifact = pool, artifact

    def get(
        self, runtime: str, options: SessionOptions | None = None, *, artifact: Artifact | None = None
    ) -> Session:
        """As `SessionPool.get`."""
        return self._pool.get(runtime, options, artifact=artifact or self._artifact)

    def runtimes(self) -> Sequence[str]:
        """As `SessionPool.runtimes`."""
        return self._pool.runtimes()

    def converted(self, format_name: str) -> Artifact:
        """As `SessionPool.converted`."""
        return self._pool.converted(format_name)


def reference_options(trial: Trial) -> SessionOptions:
    """The model as it was written: no fusion, no oneDNN, one thread, float32."""
    engine = {"onednn": False} if production_runtime(trial) == "paddle" else {}
    return SessionOptions(threads=1, optimize=False, engine=engine)


def variants(trial: Trial) -> list[Variant]:
    """Every way to run the model that the profile names, and the switches of the production runtime."""
    name = production_runtime(trial)
    options = production_options(trial)
    found = [Variant(name, name, options, Text(f"{name}, as in production", f"{name}，与生产环境相同"))]
    if name == "paddle":
        # Without oneDNN Paddle has nothing but float32 on a CPU: this variant asks for no more.
        off = replace(options, engine={**options.engine, "onednn": False}, precision="float32")
        found.append(
            Variant("paddle-no-onednn", name, off, Text("paddle without oneDNN", "paddle，关闭 oneDNN"))
        )
    threads = 2 if options.threads == 1 else 1
    found.append(
        Variant(
            f"{name}-threads-{threads}",
            name,
            replace(options, threads=threads),
            Text(f"{name} with {threads} thread(s)", f"{name}，{threads} 个线程"),
        )
    )
    found += [_other_runtime(trial, each) for each in trial.profile.runtimes if each != name]
    return found


def _other_runtime(trial: Trial, name: str) -> Variant:
    """Another runtime on the artifact itself, else on its ONNX form, else the reason why not."""
    options = SessionOptions(threads=trial.profile.threads)
    label = Text(name, name)
    if name in trial.pool.runtimes() or _only_named(trial, name):
        return Variant(name, name, options, label)
    try:
        onnx = trial.pool.converted("onnx")
    except SeatrialError as error:
        why = Text(
            f"no ONNX form of the model: {error.message}", f"无法得到该模型的 ONNX 形式：{error.message}"
        )
        return Variant(name, name, options, label, unavailable=why, remedy=error.hint)
    if onnx.digest == trial.artifact.digest:
        return _not_for(trial.artifact.format, Variant(name, name, options, label))
    label = Text(f"{name}, through ONNX", f"{name}（经 ONNX 转换）")
    return Variant(name, name, options, label, artifact=onnx)


def _only_named(trial: Trial, name: str) -> bool:
    """Whether the pool does not offer a runtime only because it wants to be named, as the profile does."""
    known = all_runtimes().get(name)
    if known is None or not known.asked_only:
        return False
    return trial.artifact.format in known.formats and known.available()


def _not_for(format_name: str, variant: Variant) -> Variant:
    """Why a runtime has no answer on an ONNX model; one that never takes it is no gap of this machine."""
    name, known = variant.runtime, all_runtimes().get(variant.runtime)
    if known is not None and format_name not in known.formats:
        why = Text(
            f"{name} does not run {format_name} models, and nothing converts this one for it",
            f"{name} 不支持 {format_name} 模型，也没有可用的转换方式",
        )
        return replace(variant, unavailable=why, gone=Verdict.SKIP)
    if known is None:
        return replace(
            variant,
            unavailable=Text(f"there is no runtime '{name}'", f"没有名为 {name} 的运行时"),
            remedy="seatrial list runtimes",
        )
    missing = Text(f"{name} is not installed", f"{name} 未安装")
    return replace(variant, unavailable=missing, remedy=known.how_to_get())


def run_variant(
    trial: Trial, variant: Variant, reference: Predictions, samples: Sequence[Sample], tolerance: Tolerance
) -> Outcome:
    """Asks one variant the same samples and measures it against the reference.

    Raises:
        SeatrialError: The runtime is not there, or cannot load the model at all.
    """
    asked = trial
    if variant.artifact is not None:
        asked = replace(trial, pool=PoolOf(trial.pool, variant.artifact))
    given = predictions(asked, variant.runtime, variant.options, tuple(samples))
    return measure(variant, trial.contract.task, reference, given, tolerance)


def ran(given: Predictions) -> list[int]:
    """Places the engine gave outputs for; postprocessing may still have refused them."""
    return [i for i, row in enumerate(given.outputs) if row is not None]


def measure(
    variant: Variant, task: str, reference: Predictions, given: Predictions, tolerance: Tolerance
) -> Outcome:
    """Compares two passes over the same samples; pure."""
    failed = {each.index: each for each in given.failures}
    unanswered = {each.index for each in reference.failures}
    missing = tuple((each.key, each.message) for i, each in failed.items() if i not in unanswered)
    both = [i for i in ran(reference) if given.outputs[i] is not None]
    outputs, errors = _compare_outputs(reference, given, both, tolerance)
    answered = [i for i in both if i not in unanswered]
    shares = [agreement(task, reference.answers[i], given.answers[i]) for i in answered]
    worst = sorted(zip(both, errors, strict=True), key=lambda pair: -pair[1])[:5] if errors else []
    return Outcome(
        variant=variant,
        outputs=outputs,
        answers=float(np.mean(shares)) if shares else None,
        changed=sum(each < 1 for each in shares),
        samples=len(both),
        failures=missing,
        worst=tuple(worst),
        exercise=given.exercise,
    )


def _compare_outputs(
    reference: Predictions, given: Predictions, places: Sequence[int], tolerance: Tolerance
) -> tuple[tuple[Comparison, ...], list[float]]:
    """One comparison an output over all samples, and the scale-relative error of each sample."""
    if not places:
        return (), []
    ours = {i: reference.outputs[i] or () for i in places}
    theirs = {i: given.outputs[i] or () for i in places}
    count = len(ours[places[0]])
    if any(len(theirs[i]) != count for i in places):
        told = Comparison(
            len(places),
            0,
            Text("another number of outputs", "输出个数不同"),
            0,
            np.inf,
            np.inf,
            0,
            None,
            len(places),
            0,
        )
        return (told,), [np.inf] * len(places)
    merged, errors = [], dict.fromkeys(places, 0.0)
    for output in range(count):
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for i in places:
            groups[(ours[i][output].shape, theirs[i][output].shape)].append(i)
        parts = []
        for members in groups.values():
            a, b = (_join([side[i][output] for i in members]) for side in (ours, theirs))
            part = compare(a, b, tie=tolerance.tie)
            parts.append(part)
            per_sample = _row_errors(part, len(members))
            for i, error in zip(members, per_sample, strict=True):
                errors[i] = max(errors[i], error / part.scale if part.scale > 0 else error)
        merged.append(merge(parts))
    return tuple(merged), [errors[i] for i in places]


def _join(arrays: Sequence[Any]) -> Any:
    """Rows of several samples; outputs without a batch axis of 1 get one axis a sample."""
    if all(each.ndim and each.shape[0] == 1 for each in arrays):
        return np.concatenate(arrays)
    return np.stack(arrays)


def _row_errors(part: Comparison, count: int) -> Sequence[float]:
    if part.structure or len(part.row_errors) != count:
        return [part.max_abs] * count
    return part.row_errors


@dataclass(frozen=True)
class Judgement:
    """Verdict over one outcome with its reasons; `reasons` is empty for PASS."""

    verdict: Verdict
    reasons: tuple[Text, ...]


def judge(
    outcome: Outcome, task: str, tolerance: Tolerance, *, precision: str, fewest_same: float
) -> Judgement:
    """Says whether a variant agrees: numbers by the tolerance of the precision, beside the task's answers.

    A float32 variant outside the calibrated tolerance but under the ceiling, with every answer the same, is
    a WARN: equal models on real inputs lie up to 8.5e-4 apart. A changed answer is a FAIL unless the
    reference itself had a tie there.

    Args:
        outcome: What was measured.
        task: Of the contract.
        tolerance: Calibrated.
        precision: Declared; int8 is judged by its answers.
        fewest_same: Smallest share of equal answers for tasks of boxes and masks.
    """
    if outcome.failures:
        key, message = outcome.failures[0]
        count = len(outcome.failures)
        said = Text(
            f"no answer on {count} samples the reference answered, first {key}: {message}",
            f"有 {count} 个样本参考能够回答而它不能，第一个是 {key}：{message}",
        )
        return Judgement(Verdict.FAIL, (said,))
    if not outcome.outputs or not outcome.samples:
        return Judgement(Verdict.ERROR, (Text("nothing was compared", "没有可比较的内容"),))
    numeric = [each for found in outcome.outputs for each in objections(found, tolerance)]
    answers = _answers_changed(outcome, task, tolerance, fewest_same)
    if not numeric and not answers:
        return Judgement(Verdict.PASS, ())
    sure = any(each.structure or each.disagreements > _allowed(each, tolerance) for each in outcome.outputs)
    loose = max(CEILING, tolerance.scale_relative)
    far = any(each.max_abs > loose * each.scale + tolerance.absolute for each in outcome.outputs)
    if answers or sure or far or precision == "int8":
        return Judgement(Verdict.FAIL, (*answers, *numeric))
    return Judgement(Verdict.WARN, tuple(numeric))


def _allowed(found: Comparison, tolerance: Tolerance) -> int:
    return allowed_disagreements(found.rows, tolerance.disagreement)


def _answers_changed(outcome: Outcome, task: str, tolerance: Tolerance, fewest_same: float) -> list[Text]:
    if outcome.answers is None:
        return []
    if task in FUZZY:
        if outcome.answers >= fewest_same:
            return []
        en = f"only {outcome.answers:.2%} of the answers are the same, below {fewest_same:.2%}"
        return [Text(en, f"答案一致率仅 {outcome.answers:.2%}，低于 {fewest_same:.2%}")]
    ties = sum(each.near_ties for each in outcome.outputs)
    if outcome.changed <= allowed_disagreements(outcome.samples, tolerance.disagreement) + ties:
        return []
    changed, count = outcome.changed, outcome.samples
    return [
        Text(
            f"the answer changed on {changed} of {count} samples", f"{count} 个样本中有 {changed} 个答案改变"
        )
    ]


def not_exercised(outcome: Outcome, *, asked: str, float32: Outcome | None) -> Text | None:
    """Why an asked precision did not really run, or None when it did (`F28`: bf16 that is float32).

    Args:
        outcome: Of the variant that was asked for `asked`.
        asked: Declared precision.
        float32: The same runtime in float32 on the same samples, or None when it was not run.
    """
    if asked == "float32" or outcome.exercise is None:
        return None
    ran = outcome.exercise.precision
    if ran != asked:
        notes = "; ".join(outcome.exercise.notes)
        more = Text(f" ({notes})", f"（{notes}）") if notes else Text("", "")
        return Text(
            f"{asked} was asked for and the kernels ran in {ran}{more.en}",
            f"要求 {asked} 精度，但内核实际以 {ran} 运行{more.zh}",
        )
    if asked != "int8" and (outcome.identical or (float32 is not None and _same_bits(outcome, float32))):
        return Text(
            f"{asked} was asked for and every output is bit-identical to float32: it did not run",
            f"要求 {asked} 精度，但所有输出与 float32 逐位相同：该精度并未真正运行",
        )
    return None


def _same_bits(one: Outcome, other: Outcome) -> bool:
    """Whether two variants lie exactly as far from the reference, row by row and to the last bit."""
    return [each.row_errors for each in one.outputs] == [each.row_errors for each in other.outputs]
