"""Probes through a session: what the contract promises is tried, not believed (`M03`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.errors import ContractViolation, EngineFailure, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.contract import Contract, TensorSpec

# Feeds -> outputs, raising as `Session.run` does.
Run = Callable[[Mapping[str, Any]], list[Any]]
BATCHES = (1, 2, 7)
_STEP = 32  # image networks halve their sides up to five times


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing tried.

    Attributes:
        what: `batch 7`, `axis 3 of x: 320 -> 352`.
        fault: What went wrong, or empty.
        fatal: Whether the process died or a promise was broken, not merely an error raised.
    """

    what: str
    fault: str = ""
    fatal: bool = False


def probe_batches(run: Run, contract: Contract, feed: Mapping[str, Any]) -> list[Probe]:
    """Runs 1, 2 and 7 copies of one prepared sample, when the contract says the batch is free."""
    if not all(spec.batch_is_free for spec in contract.inputs):
        return [_try(run, contract, feed, "the fixed batch", None)]
    probes = []
    for count in BATCHES:
        repeated = {name: np.repeat(array, count, axis=0) for name, array in feed.items()}
        probes.append(_try(run, contract, repeated, f"batch {count}", count))
    return probes


def probe_dimensions(run: Run, contract: Contract, feed: Mapping[str, Any]) -> list[Probe]:
    """Makes each free dimension longer and shorter; dimensions of one name change together."""
    probes = []
    done: set[str] = set()
    for spec in contract.inputs:
        for axis, size in enumerate(spec.shape):
            key = str(size) if isinstance(size, str) else f"{spec.name}:{axis}"
            if axis == 0 or isinstance(size, int) or key in done:
                continue
            done.add(key)
            places = [(spec.name, axis)]
            if isinstance(size, str):
                places = [
                    (each.name, place)
                    for each in contract.inputs
                    for place, name in enumerate(each.shape)
                    if name == size
                ]
            old = int(np.shape(feed[spec.name])[axis])
            image = len(spec.shape) == 4
            for new in sorted(
                {
                    old + (_STEP if image else 1),
                    max(old // 2, 1) // (_STEP if image else 1) * (_STEP if image else 1),
                }
            ):
                if new not in (0, old):
                    changed = {
                        name: _resized(array, [place for other, place in places if other == name], new)
                        for name, array in feed.items()
                    }
                    probes.append(
                        _try(run, contract, changed, f"axis {axis} of {spec.name}: {old} -> {new}", None)
                    )
    return probes


def _resized(array: Any, axes: Sequence[int], size: int) -> Any:
    """Cut or repeated along the axes to the size."""
    for axis in axes:
        array = np.take(array, np.arange(size) % array.shape[axis], axis=axis)
    return np.ascontiguousarray(array)


def _try(run: Run, contract: Contract, feeds: Mapping[str, Any], what: str, batch: int | None) -> Probe:
    try:
        outputs = run(feeds)
    except EngineFailure as error:
        return Probe(what, error.message[:160], fatal=error.kind != "exception")
    except ContractViolation as error:
        return Probe(what, error.message[:160])
    fault = output_fault(contract.outputs, outputs, batch)
    return Probe(what, fault, fatal=bool(fault))


def output_fault(declared: Sequence[TensorSpec], outputs: Sequence[Any], batch: int | None) -> str:
    """Why outputs are not as the contract declares them, or an empty string."""
    if len(outputs) != len(declared):
        return f"{len(outputs)} outputs instead of {len(declared)}"
    for spec, array in zip(declared, outputs, strict=True):
        # Text comes back as an array of objects.
        dtype = "string" if array.dtype.kind in "OU" else str(array.dtype)
        if dtype != spec.dtype:
            return f"{spec.name} is {dtype} instead of {spec.dtype}"
        if array.ndim != len(spec.shape):
            return f"{spec.name} has {array.ndim} axes instead of {len(spec.shape)}"
        for axis, (size, wanted) in enumerate(zip(array.shape, spec.shape, strict=True)):
            if isinstance(wanted, int) and size != wanted:
                return f"{spec.name} axis {axis} is {size} instead of {wanted}"
        if batch is not None and spec.batch_is_free and array.shape[0] != batch:
            return f"{spec.name} has {array.shape[0]} rows for a batch of {batch}"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{spec.name} holds NaN or Inf"
    return ""


def probe_refusals(run: Run, feed: Mapping[str, Any]) -> list[Probe]:
    """A wrong dtype, a missing axis, a missing and an unknown input must never reach the engine."""
    name = next(iter(feed))
    array = feed[name]
    wrong = array.astype("int16" if array.dtype.kind == "f" else "float64")
    cases = {
        f"{name} as {wrong.dtype}": {**feed, name: wrong},
        f"{name} without its batch axis": {**feed, name: array[0]},
        f"{name} left out": {key: value for key, value in feed.items() if key != name},
        "an unknown input": {**feed, "no such input": array},
    }
    probes = []
    for what, changed in cases.items():
        try:
            run(changed)
        except ContractViolation:
            probes.append(Probe(what))
        except SeatrialError as error:
            probes.append(Probe(what, f"reached the engine: {error.message[:120]}", fatal=True))
        else:
            probes.append(Probe(what, "was accepted", fatal=True))
    return probes


def judge_probes(name: str, title: Text, probes: Sequence[Probe]) -> Finding:
    """A broken promise or a death fails; an error where the contract leaves freedom is a warning."""
    bad = [each for each in probes if each.fault]
    fatal = any(each.fatal for each in bad)
    first = next((each for each in bad if each.fatal), bad[0] if bad else None)
    return Finding(
        name,
        Verdict.FAIL if fatal else Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"{title.en}: {first.what}: {first.fault}"
            if first
            else f"{title.en}: all {len(probes)} probes as promised",
            f"{title.zh}：{first.what}：{first.fault}"
            if first
            else f"{title.zh}：{len(probes)} 项探测均符合约定",
        ),
        len(probes),
        measured=len(bad),
        limit=Limit(0, "contract"),
        evidence=(
            Table(
                Text("probes", "探测"),
                ("probe", "result"),
                tuple((each.what, each.fault or "as promised") for each in probes[:20]),
            ),
        ),
        cause=Text(
            "The graph keeps a size from export, or the contract promises too much.",
            "计算图固化了导出时的尺寸，或契约承诺过多。",
        )
        if bad
        else None,
        fix=Text(
            "Export with None for every free dimension, or write the number into the contract.",
            "请在导出时把可变维写为 None，或在契约中写明固定值。",
        )
        if bad
        else None,
        where=first.what if first else "",
    )


def kind_of_scores(rows: Any) -> str:
    """`probabilities` (sum to 1), `independent` (each in [0, 1]) or `logits`.

    Args:
        rows: Scores, classes on the last axis.
    """
    values = np.asarray(rows, "float64").reshape(-1, np.shape(rows)[-1])
    if not np.isfinite(values).all():
        return "logits"
    inside = values.min() >= -1e-6 and values.max() <= 1 + 1e-4
    if inside and np.abs(values.sum(axis=1) - 1).max() < 1e-2:
        return "probabilities"
    return "independent" if inside else "logits"


def judge_scores(rows: Any, steps: Sequence[str]) -> Finding:
    """Confidence must be a probability: softmax once, either in the graph or in the contract (F25)."""
    kind = kind_of_scores(rows)
    softmax, sigmoid = "softmax" in steps, "sigmoid" in steps
    twice = kind != "logits" and ((softmax and kind == "probabilities") or sigmoid)
    never = kind == "logits" and not softmax and not sigmoid
    said = {
        "probabilities": Text("the scores add up to 1", "输出分数之和为 1"),
        "independent": Text("each score lies in [0, 1]", "各分数均在 [0, 1] 内"),
        "logits": Text("the scores are no probabilities", "输出分数不是概率"),
    }[kind]
    if twice:
        more = Text(
            ", and the contract applies softmax or sigmoid again", "，而契约又做了一次 softmax 或 sigmoid"
        )
    elif never:
        more = Text(", and the contract has no softmax", "，而契约中没有 softmax")
    else:
        more = Text(", as the postprocessing expects", "，与后处理相符")
    bad = twice or never
    values = np.asarray(rows, "float64")
    return Finding(
        "interface.scores",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(said.en + more.en, said.zh + more.zh),
        int(values.size // values.shape[-1]),
        measured=round(float(values.sum(axis=-1).mean()), 6),
        limit=Limit(1, "contract: confidence is a probability") if kind != "independent" else None,
        cause=Text(
            "The last layer was exported with (or without) its activation.",
            "导出时最后一层多带或缺少激活函数。",
        )
        if bad
        else None,
        fix=Text(
            "Remove the softmax step from the postprocessing."
            if twice
            else "Add a softmax step before topk.",
            "请从后处理中去掉 softmax。" if twice else "请在 topk 之前加入 softmax 步骤。",
        )
        if bad
        else None,
        data={"kind": kind},
    )
