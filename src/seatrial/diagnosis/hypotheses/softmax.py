"""Softmax applied twice, not at all, or where a sigmoid belongs: classes stay, their confidence does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._outputs import (
    calls,
    class_axis,
    each_float,
    scores_of,
    seen_by,
    with_outputs,
    with_step,
    without_step,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

TASKS = ("classification", "text-classification", "text-recognition", "segmentation")
SUM = 1e-2  # how far sums of probabilities in half precision are from 1
# Softmax of numbers between 0 and 1 gives probabilities whose ratio is at most e.
FLAT = float(np.e) * 1.01


@dataclass(frozen=True)
class _Scores:
    """What raw scores look like: probabilities, and of probabilities those of a second softmax."""

    known: bool
    probabilities: bool
    flat: bool


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """One softmax less, one more, in the postprocessing or behind the graph."""
    if setup.contract.task not in TASKS or setup.opaque:
        return
    axis = class_axis(setup)
    mine = _look(scores_of(seen_by(case, setup)), axis)
    if not mine.known:
        return
    wanted = [each[0] for each in case.reference.outputs or () if each]
    right = _look([each for each in wanted if each.dtype.kind == "f" and each.ndim >= 2], axis)
    yield from _steps(setup, mine, axis)
    yield from _graph(setup, mine, right, axis)


def _look(scores: Sequence[Array], axis: int) -> _Scores:
    rows = [np.moveaxis(np.asarray(each, "float64"), axis, -1) for each in scores[:16]]
    rows = [each.reshape(-1, each.shape[-1])[:256] for each in rows if each.shape[axis] > 1]
    if not rows:
        return _Scores(known=False, probabilities=False, flat=False)
    probabilities = all(
        np.isfinite(each).all()
        and each.min() >= -1e-4
        and each.max() <= 1 + SUM
        and np.abs(each.sum(axis=1) - 1).max() <= SUM
        for each in rows
    )
    flat = probabilities and all(
        (each.max(axis=1) <= FLAT * np.maximum(each.min(axis=1), 1e-12)).all() for each in rows
    )
    return _Scores(known=True, probabilities=bool(probabilities), flat=bool(flat))


def _steps(setup: Setup, mine: _Scores, axis: int) -> Iterator[Intervention]:
    """Steps of the postprocessing taken away, put in or exchanged."""
    steps = list(calls(setup, "softmax"))
    for place, _ in steps:
        twice = mine.probabilities or len(steps) > 1
        yield _proposal(
            "one-softmax-less",
            without_step(setup, place),
            Text(
                "Softmax is applied twice: the model already gives probabilities, and the postprocessing "
                "takes the softmax of them.",
                "softmax 做了两次：模型输出已经是概率，后处理又做了一次。",
            ),
            Text("remove softmax from the postprocessing", "去掉后处理中的 softmax"),
            prior=15.0 if twice else 1.0,
            place=place,
        )
    for place, call in calls(setup, "sigmoid"):
        yield _proposal(
            "softmax-for-sigmoid",
            with_step(setup, place, "softmax", instead=True),
            Text(
                "The scores go through a sigmoid where softmax belongs.",
                "分数经过了 sigmoid，而应使用 softmax。",
            ),
            Text(f"write softmax instead of {call.name}", f"把 {call.name} 换成 softmax"),
            prior=2.0,
            place=place,
        )
    if not steps and not mine.probabilities:
        yield _proposal(
            "add-softmax",
            with_step(setup, 0, "softmax", axis=0 if axis == 1 else -1),
            Text(
                "The model gives scores, and nothing makes probabilities of them: softmax is missing.",
                "模型输出的是未归一化的分数，缺少 softmax。",
            ),
            Text("add softmax to the postprocessing", "在后处理中加入 softmax"),
            prior=10.0,
            place=0,
        )


def _graph(setup: Setup, mine: _Scores, right: _Scores, axis: int) -> Iterator[Intervention]:
    """A softmax that the graph itself has too often or lost."""
    if mine.flat and not (right.known and right.flat):
        change = each_float(f"inverse softmax of axis {axis}", lambda each: _inverse(each, axis))
        yield _proposal(
            "graph-softmax-less",
            with_outputs(setup, change),
            Text(
                "Softmax is applied twice inside the graph: its probabilities are nearly uniform.",
                "计算图内部做了两次 softmax：输出概率几乎均匀。",
            ),
            Text("remove one softmax before the export", "导出前去掉其中一个 softmax"),
            prior=20.0,
        )
    if not mine.probabilities and right.known and right.probabilities:
        change = each_float(f"softmax of axis {axis}", lambda each: _softmax(each, axis))
        yield _proposal(
            "graph-softmax-more",
            with_outputs(setup, change),
            Text(
                "The graph has lost its softmax: it gives scores where the reference gives probabilities.",
                "计算图丢失了 softmax：参考输出是概率，部署输出的是原始分数。",
            ),
            Text("export the graph with its softmax", "导出时保留 softmax"),
            prior=15.0,
        )


def _inverse(array: Array, axis: int) -> Array:
    """The probabilities whose softmax these are: they are log(q) up to a constant, and sum to 1."""
    logs = np.log(np.maximum(array.astype("float64"), 1e-30))
    rest = (1.0 - logs.sum(axis=axis, keepdims=True)) / array.shape[axis]
    found: Array = (logs + rest).clip(0.0, 1.0).astype(array.dtype)
    return found


def _softmax(array: Array, axis: int) -> Array:
    found: Array = softmax(array.astype("float64"), axis=axis).astype(array.dtype)
    return found


def _proposal(
    name: str, setup: Setup, said: Text, fix: Text, *, prior: float, place: int | None = None
) -> Intervention:
    where: tuple[Any, ...] = () if place is None else ("postprocess", place)
    return Intervention("softmax", name, setup, said, fix, prior, where)


HYPOTHESIS = Hypothesis(
    name="softmax",
    title=Text("softmax", "softmax"),
    question=Text("Is softmax applied twice, or not at all?", "softmax 是否做了两次，或者没有做？"),
    stage="outputs",
    propose=propose,
    source="F25, PaddleClas #1633",
)
