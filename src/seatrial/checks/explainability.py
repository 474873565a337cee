"""Check 9: what does the decision rest on, is the explanation true, and is it a shortcut (`M09`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from seatrial.checks._explainability import faithfulness as faith
from seatrial.checks._explainability import findings as say
from seatrial.checks._explainability.attribution import (
    Feed,
    Integrated,
    Question,
    Weights,
    background,
    cut,
    integrated_gradients,
    occlusion,
    random_masks,
    target_of,
)
from seatrial.checks._explainability.findings import Explained
from seatrial.checks._finding import Control, Finding, Text, Verdict
from seatrial.checks._inference import Predictions, predictions, production_session
from seatrial.checks._trial import INPUTS, Check, Trial
from seatrial.errors import EngineFailure, UsageError
from seatrial.runtimes import Session

_MOST = 96
_SATURATED = 0.05  # an answer that no cell changes by more is explained by masks instead


@dataclass(frozen=True)
class _Effort:
    """How much is asked: inputs, cells of each, random orders, points of a curve.

    It depends on the size of an input and never on the clock, so that a run can be repeated.
    """

    inputs: int
    cells: int
    orders: int
    steps: int


_SMALL, _MEDIUM, _LARGE = _Effort(24, 64, 7, 8), _Effort(3, 36, 3, 4), _Effort(2, 16, 5, 3)


def _effort(feed: Feed, *, full: bool) -> _Effort:
    size = sum(each.nbytes for each in feed.values())
    effort = _SMALL if size <= 64 << 10 else _MEDIUM if size <= 2 << 20 else _LARGE
    return replace(effort, inputs=4 * effort.inputs, cells=max(effort.cells, 64)) if full else effort


def _run(trial: Trial) -> list[Finding]:
    passed = predictions(trial)
    first = next((feed for place in passed.answered if (feed := passed.feeds[place]) is not None), None)
    if first is None:
        return [say.nothing_to_cut(len(passed))]
    effort = _effort(first, full=trial.full)
    found = (_input(trial, passed, place, effort.cells) for place in _chosen(passed))
    chosen = list(islice((each for each in found if each is not None), effort.inputs))
    places, inputs = [place for place, _ in chosen], [asked for _, asked in chosen]
    if not inputs:
        return [say.nothing_to_cut(len(passed))]
    trial.progress(f"explaining {len(inputs)} answers")
    findings = []
    integrated = _integrated(trial, inputs)
    session = production_session(trial)  # asking for gradients may have killed the last one
    if integrated is not None:
        findings.append(say.completeness_finding(integrated, trial))
        weights = [each.cells.gather(one) for each, one in zip(inputs, integrated.weights, strict=True)]
        method = "Integrated Gradients"
    else:
        weights, method = _by_emptying(trial, session, inputs)
    curves = _curves(trial, session, inputs, weights, effort)
    explained = [
        Explained(
            sample=passed.samples[place],
            answer=say.answer_text(passed.answers[place]),
            feed=each.feed,
            cells=each.cells,
            weights=one,
        )
        for place, each, one in zip(places, inputs, weights, strict=True)
    ]
    findings.append(say.pictures_finding(explained, method, inputs[0].target.what, trial.contract))
    findings.append(say.faithful_finding(curves, effort.orders, method))
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


def _input(trial: Trial, passed: Predictions, place: int, most: int) -> tuple[int, Question] | None:
    feed, outputs = passed.feeds[place], passed.outputs[place]
    if feed is None or outputs is None or not outputs[0].size or outputs[0].dtype.kind != "f":
        return None
    cells = cut(trial.contract, feed, most=most)
    if cells is None:
        return None
    empty = background(cells, feed[cells.name], trial.contract.vocabulary)
    return place, Question(feed, cells, empty, target_of(trial.contract, outputs))


def _by_emptying(trial: Trial, session: Session, inputs: Sequence[Question]) -> tuple[list[Weights], str]:
    """Occlusion; random masks where the answers are too sure to mind a single cell."""
    weights = [occlusion(session, trial.contract, each) for each in inputs]
    if float(np.median([np.abs(each).max() for each in weights])) >= _SATURATED:
        return weights, "occlusion"
    random = np.random.default_rng(trial.seed)
    return [random_masks(session, trial.contract, each, random=random) for each in inputs], "random masks"


def _integrated(trial: Trial, inputs: Sequence[Question]) -> Integrated | None:
    """Integrated Gradients where the runtime gives them for these graphs; else None.

    Paddle 3.2.2 dies of SIGSEGV in about one of three hundred backward passes. Production never runs one, so
    that is no fault of the model: they are asked for once more in a fresh process.
    """
    if any(each.target.flat is None or each.cells.kind == "tokens" for each in inputs):
        return None
    for _ in range(2):
        try:
            return integrated_gradients(production_session(trial), inputs)
        except EngineFailure as error:
            if error.kind == "exception":
                return None
        except UsageError:
            return None
    return None


def _curves(
    trial: Trial,
    session: Session,
    inputs: Sequence[Question],
    weights: Sequence[Weights],
    effort: _Effort,
) -> list[faith.Curves]:
    random = np.random.default_rng(trial.seed)
    return [
        faith.curves(
            session,
            trial.contract,
            each,
            one,
            random=random,
            orders=effort.orders,
            steps=effort.steps,
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
    reads=INPUTS - {"delivered", "members"},
)
