"""Check 9: what does the decision rest on, is the explanation true, and is it a shortcut (`M09`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks import _explanation_findings as say
from seatrial.checks import _faithfulness as faith
from seatrial.checks._attribution import (
    Cells,
    Feed,
    Integrated,
    Target,
    Weights,
    ask_rows,
    background,
    cut,
    integrated_gradients,
    occlusion,
    target_of,
)
from seatrial.checks._explanation_findings import Explained
from seatrial.checks._finding import Control, Finding, Text, Verdict
from seatrial.checks._inference import Predictions, predictions, production_session
from seatrial.checks._trial import Check, Trial
from seatrial.errors import EngineFailure, UsageError
from seatrial.runtimes import Session

_FAST_SECONDS, _FULL_SECONDS = 12.0, 60.0
_FEWEST, _MOST = 3, 24
_SLOW_CALL = 0.01  # seconds from which fewer random orders must do


@dataclass(frozen=True)
class _Input:
    """One input to explain."""

    place: int
    feed: Feed
    cells: Cells
    empty: Any
    target: Target


def _run(trial: Trial) -> list[Finding]:
    passed = predictions(trial)
    session = production_session(trial)
    inputs = [each for place in _chosen(passed) if (each := _input(trial, passed, place)) is not None]
    if not inputs:
        return [say.nothing_to_cut(len(passed))]
    inputs, orders, steps = _affordable(trial, session, inputs)
    trial.progress(f"explaining {len(inputs)} answers")
    findings = []
    integrated = _integrated(session, inputs)
    if integrated is not None:
        findings.append(say.completeness_finding(integrated, trial))
        weights = [each.cells.gather(one) for each, one in zip(inputs, integrated.weights, strict=True)]
        method = "Integrated Gradients"
    else:
        weights = [
            occlusion(session, trial.contract, each.feed, each.cells, empty=each.empty, target=each.target)
            for each in inputs
        ]
        method = "occlusion"
    curves = _curves(trial, session, inputs, weights, orders=orders, steps=steps)
    explained = [
        Explained(
            sample=passed.samples[each.place],
            answer=say.answer_text(passed.answers[each.place]),
            feed=each.feed,
            cells=each.cells,
            weights=one,
        )
        for each, one in zip(inputs, weights, strict=True)
    ]
    findings.append(say.pictures_finding(explained, method, inputs[0].target.what, trial.contract))
    findings.append(say.faithful_finding(curves, orders, method))
    findings.append(say.shortcut_finding(explained, trial))
    return findings


def _chosen(passed: Predictions) -> list[int]:
    """Answered samples, of every answer in turn, so that all of them are seen."""
    groups: dict[str, list[int]] = {}
    for place in passed.answered:
        answer = passed.answers[place]
        kind = str(answer.get("index", "")) if isinstance(answer, dict) else ""
        groups.setdefault(kind, []).append(place)
    chosen: list[int] = []
    for turn in range(_MOST):
        chosen += [places[turn] for _, places in sorted(groups.items()) if turn < len(places)]
    return chosen[:_MOST]


def _input(trial: Trial, passed: Predictions, place: int) -> _Input | None:
    feed, outputs = passed.feeds[place], passed.outputs[place]
    if feed is None or outputs is None or not outputs[0].size or outputs[0].dtype.kind != "f":
        return None
    cells = cut(trial.contract, feed)
    if cells is None:
        return None
    empty = background(cells, feed[cells.name], trial.contract.vocabulary)
    return _Input(place, feed, cells, empty, target_of(trial.contract, outputs))


def _affordable(trial: Trial, session: Session, inputs: list[_Input]) -> tuple[list[_Input], int, int]:
    """As many inputs as the time allows, at least three; random orders and points of each curve."""
    first = inputs[0]
    begin = time.monotonic()
    ask_rows(session, trial.contract, [first.feed] * 2, first.target)
    each = (time.monotonic() - begin) / 2
    orders, steps = (3, 5) if each > _SLOW_CALL and not trial.full else (7, 8)
    runs = first.cells.count + 2 * (steps + 1) * (orders + 1)
    seconds = _FULL_SECONDS if trial.full else _FAST_SECONDS
    return inputs[: max(_FEWEST, int(seconds / max(each * runs, 1e-6)))], orders, steps


def _integrated(session: Session, inputs: Sequence[_Input]) -> Integrated | None:
    """Integrated Gradients where the runtime gives them for these graphs; else None."""
    if any(each.target.flat is None or each.cells.kind == "tokens" for each in inputs):
        return None
    try:
        return integrated_gradients(
            session,
            [each.feed for each in inputs],
            inputs[0].cells,
            empties=[each.empty for each in inputs],
            places=[each.target.flat or 0 for each in inputs],
        )
    except (UsageError, EngineFailure):
        return None


def _curves(
    trial: Trial,
    session: Session,
    inputs: Sequence[_Input],
    weights: Sequence[Weights],
    *,
    orders: int,
    steps: int,
) -> list[faith.Curves]:
    random = np.random.default_rng(trial.seed)
    return [
        faith.curves(
            session,
            trial.contract,
            each.feed,
            each.cells,
            empty=each.empty,
            target=each.target,
            weights=one,
            random=random,
            orders=orders,
            steps=steps,
        )
        for each, one in zip(inputs, weights, strict=True)
    ]


def _control(trial: Trial) -> Control:
    """Attributions without meaning, sums that do not add up and a fixed pixel must all be rejected."""
    random = np.random.default_rng(trial.seed)
    stamp = [np.where(np.arange(64) == 0, 1.0, 0.001) for _ in range(8)]
    shortcut = faith.concentration(stamp, [str(each % 4) for each in range(8)]).suspicious(say.FIXED_PLACE)
    honest = faith.concentration([random.random(64) for _ in range(8)], list("abcdabcd")).suspicious(
        say.FIXED_PLACE
    )
    meaningless = faith.p_value_of_ranks([3, 4, 3, 4], 7) > say.SURE
    broken = Integrated((np.zeros(4),), np.array([0.8]), np.array([0.8]))
    incomplete = say.completeness_finding(broken, trial).verdict is not Verdict.PASS
    rejected = shortcut and not honest and meaningless and incomplete
    said, said_zh = ("rejected", "均已拒绝") if rejected else ("accepted", "竟被接受")
    return Control(
        rejected,
        Text(
            "A decision on one fixed pixel, random attributions and gradients that do not add up were "
            f"{said}.",
            f"只依赖一个固定像素的决策、随机归因、以及不守恒的梯度：{said_zh}。",
        ),
    )


CHECK = Check(
    name="explainability",
    order=9,
    title=Text("Explainability", "可解释性"),
    question=Text(
        "What does the decision rest on, and is that explanation true?",
        "决策依据的是什么？这个解释可信吗？",
    ),
    promises=("M09",),
    run=_run,
    control=_control,
)
