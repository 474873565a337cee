"""Prepares held-out samples in the ways people get wrong and counts the right answers (`M03`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.checks._finding import Finding, Text
from seatrial.checks._inference import predictions
from seatrial.checks._interface.findings import judge_preferences, judge_unseen
from seatrial.checks._interface.metamorphic import SIGNIFICANT, Change, Preference, changes, prefer
from seatrial.checks._probing import CLASSIFICATION, class_index, infer, spread
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.checks._inference import Feed
    from seatrial.checks._trial import Trial
    from seatrial.contract import Context, Contract

SCORED = (*CLASSIFICATION, "text-recognition")
_MINIMUM = 12
# A change that is no better on the first is not followed further. Samples that are wrong as declared come
# first: only there can anything be gained, so with fewer of them than this nothing better is missed.
_FIRST = 10
_FEWEST = 4
_LARGE = 40_000  # elements of one sample


@dataclass(frozen=True)
class Asked:
    """One labelled sample, prepared as the contract says, and whether its answer is right."""

    feed: Feed
    context: Context
    label: Any
    right: bool


def preprocessing_fit(trial: Trial) -> list[Finding]:
    """Whether the model does better when its input is prepared otherwise (F22, F23)."""
    contract = trial.contract
    if contract.task not in SCORED or len(contract.inputs) != 1 or contract.inputs[0].dtype != "float32":
        return []
    asked = _as_declared(trial)
    if len(asked) < _MINIMUM:
        return []
    spec = contract.inputs[0]
    tried = changes(np.shape(asked[0].feed[spec.name]), channels_last=spec.layout == "NHWC")
    results: list[Preference] = []
    failed = ""
    for change in tried:
        trial.progress(f"interface: {change.name}")
        try:
            results.append(_with(trial, change, asked, tried=len(tried)))
        except SeatrialError as error:  # an input this engine does not take is no answer
            failed = failed or f": {error.message[:160]}"
    if not results:
        why = Text(f"no changed input could be run{failed}", f"没有一种改动后的输入能够运行{failed}")
        return [judge_unseen("interface.preprocessing-fit", why)] if tried else []
    limit = trial.limit(
        "interface.preprocessing_gain", 0.02, reason="share right gained by another preprocessing"
    )
    return [judge_preferences(results, limit)]


def _as_declared(trial: Trial) -> list[Asked]:
    """Labelled samples that got an answer, wrong ones first; fewer of a large model in the fast tier."""
    sizes = [each if isinstance(each, int) else 64 for each in trial.contract.inputs[0].shape]
    count = 24 if int(np.prod(sizes)) > _LARGE and not trial.full else 200
    found = predictions(trial)
    asked = []
    for place in spread(found.answered, count):
        feed, context, label = found.feeds[place], found.contexts[place], found.samples[place].label
        if feed is not None and context is not None and label is not None:
            asked.append(Asked(feed, context, label, is_right(trial.contract, found.answers[place], label)))
    return sorted(asked, key=lambda each: each.right)


def _with(trial: Trial, change: Change, asked: Sequence[Asked], *, tried: int) -> Preference:
    """Right and wrong with one change.

    Given up when the first samples show no gain, or when being right on all others would prove nothing.

    Raises:
        SeatrialError: The engine refused the changed input.
    """
    declared = [each.right for each in asked]
    count = min(_FIRST, max(declared.count(False), _FEWEST))
    first = _rights(trial, change, asked[:count])
    hoped = prefer(change, declared, first + [True] * (len(asked) - count), tried=tried)
    if sum(first) <= sum(declared[:count]) or hoped.p_value >= SIGNIFICANT:
        return prefer(change, declared[:count], first, tried=tried)
    right = first + _rights(trial, change, asked[count:])
    return prefer(change, declared, right, tried=tried)


def _rights(trial: Trial, change: Change, asked: Sequence[Asked]) -> list[bool]:
    name = trial.contract.inputs[0].name
    feeds = [{name: np.ascontiguousarray(change.apply(each.feed[name]), "float32")} for each in asked]
    rights = []
    for each, outputs in zip(asked, infer(trial, feeds), strict=True):
        try:
            answer = trial.contract.answer(outputs, 0, each.context)
        except SeatrialError:
            answer = None
        rights.append(is_right(trial.contract, answer, each.label))
    return rights


def is_right(contract: Contract, answer: Any, label: Any) -> bool:
    """Whether an answer is the label: the same text, or the same class."""
    if not isinstance(answer, dict):
        return False
    if contract.task == "text-recognition":
        return str(answer.get("text", "")) == str(label)
    truth = class_index(contract, label)
    return truth is not None and answer_index(answer) == truth


def answer_index(answer: Any) -> int | None:
    """The class index of an answer; None when it has none."""
    index = answer.get("index") if isinstance(answer, dict) else None
    return int(index) if index is not None else None
