"""A threshold was changed: boxes appear or vanish, yes becomes no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seatrial.contract import StepCall
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect
from seatrial.diagnosis.hypotheses._models import MOST
from seatrial.diagnosis.hypotheses._outputs import (
    calls,
    field,
    option,
    reference_option,
    right_answers,
    scores_of,
    seen_by,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

# Options of each step that are thresholds, with the values people use (the families' own defaults first).
OPTIONS: dict[str, dict[str, tuple[float, ...]]] = {
    "threshold": {"at": (0.5, 0.3, 0.4, 0.6, 0.7)},
    "detection_rows": {"score": (0.5, 0.3, 0.25, 0.4, 0.6, 0.7, 0.05)},
    "nms": {"score": (0.05, 0.01, 0.25, 0.5), "iou": (0.5, 0.45, 0.6, 0.7)},
    "db_boxes": {"box_thresh": (0.6, 0.5, 0.7, 0.4), "thresh": (0.3, 0.2, 0.4, 0.5)},
}
KEEPS_SCORES = frozenset({"score", "box_thresh"})


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """What the reference's contract says, what its answers let us solve, and what people use."""
    if setup.opaque:
        return
    found: list[Intervention] = []
    for place, call in calls(setup, *OPTIONS):
        for name, usual in OPTIONS[call.name].items():
            found += _of_option(case, setup, place, call, name, usual)
    yield from sorted(found, key=lambda each: -each.prior)[:MOST]


def _of_option(
    case: Case, setup: Setup, place: int, call: StepCall, name: str, usual: Sequence[float]
) -> Iterator[Intervention]:
    now = float(option(call, name))
    candidates: dict[float, float] = {}
    right = reference_option(case, call, name)
    if right is not None:
        candidates[float(right)] = 20.0
    solved = _solved(case, setup, name)
    if solved and name in KEEPS_SCORES and usual[0] <= max(solved):
        candidates.setdefault(usual[0], 9.0)  # the family's own default explains as much: it is likelier
    for value in solved:
        candidates.setdefault(value, 8.0)
    for value in usual:
        candidates.setdefault(value, 1.0)
    for value, prior in candidates.items():
        if value != now:
            yield _one(setup, place, call, name, (now, value, prior))


def _one(
    setup: Setup, place: int, call: StepCall, name: str, values: tuple[float, float, float]
) -> Intervention:
    now, value, prior = values
    said = Text(
        f"The threshold {name} of {call.name} is {now:g}, it was {value:g}.",
        f"{call.name} 的阈值 {name} 现为 {now:g}，原为 {value:g}。",
    )
    suspect = Suspect("threshold", setup, place, "postprocess")
    return suspect.given(name, value, said, prior, name=f"{call.name}-{name}-{value:g}")


def _solved(case: Case, setup: Setup, name: str) -> list[float]:
    """Thresholds that the reference's answers give away."""
    if name == "at":
        return _cut(case, setup)
    return _lowest_kept(case) if name in KEEPS_SCORES else []


def _lowest_kept(case: Case) -> list[float]:
    """The largest round value below every score that the reference kept."""
    kept = [
        float(score)
        for answer in case.reference.answers or ()
        for score in (field(answer, "scores") if isinstance(answer, dict) else None) or ()
    ]
    if len(kept) < 5:
        return []
    lowest = min(kept)
    return sorted({float(round(np.floor(lowest * 20) / 20, 2)), float(round(np.floor(lowest * 10) / 10, 1))})


def _cut(case: Case, setup: Setup) -> list[float]:
    """Where to cut one probability so that yes and no fall as in the reference."""
    seen = seen_by(case, setup)
    scores = scores_of(seen)
    if len(scores) != len(seen.places):
        return []
    points: list[tuple[float, int]] = []
    for row, _, right in right_answers(case, seen):
        index = _index(right)
        if index in (0, 1):
            points.append((float(np.asarray(scores[row]).reshape(-1)[-1]), index))
    yes = sorted(value for value, index in points if index == 1)
    no = sorted(value for value, index in points if index == 0)
    if not yes or not no:
        return []
    cuts = np.round(np.linspace(0.05, 0.95, 19), 2)
    right_share = [np.mean([(value >= cut) == bool(index) for value, index in points]) for cut in cuts]
    best = np.flatnonzero(np.asarray(right_share) == max(right_share))
    found = {float(cuts[best[len(best) // 2]])}
    if no[-1] < yes[0]:  # a round value between the two
        found.add(round((no[-1] + yes[0]) / 2, 3))
    return sorted(found)


def _index(answer: Any) -> int:
    value = field(answer, "index")
    return int(value) if isinstance(value, int) else -1


HYPOTHESIS = Hypothesis(
    name="threshold",
    title=Text("threshold", "阈值"),
    question=Text("Was a threshold changed?", "阈值是否被改动？"),
    stage="answers",
    propose=propose,
    source="PaddleDetection #2586",
)
