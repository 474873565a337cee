"""The labels, or the characters of a dictionary, are not in the order in which the model learned them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.hypotheses import _dictionary
from seatrial.diagnosis.hypotheses._models import MOST
from seatrial.diagnosis.hypotheses._outputs import (
    CLASS_TASKS,
    class_axis,
    field,
    relabelled,
    reordered,
    right_answers,
    scores_of,
    seen_by,
    with_outputs,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

GAIN = 0.05  # more of the answers must fall in place than chance moves
BACKGROUND = "background"
PIXELS = 4096  # of a mask that are counted
LARGEST = 2000  # classes of which an assignment is solved


@dataclass(frozen=True)
class _Pair:
    """One answer: the class the model gave, and what was right, as far as it is known."""

    got: int
    index: int | None
    name: str | None


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Labels shifted, permuted, one too many or too few; the same for an OCR dictionary."""
    if setup.opaque:
        return
    seen = seen_by(case, setup)
    if setup.contract.task == "text-recognition":
        yield from _dictionary.propose(case, setup, seen)
        return
    if setup.contract.task not in (*CLASS_TASKS, "segmentation", "detection"):
        return
    found = [*_of_reference(case, setup), *_counted(case, setup, seen), *_doubled(case, setup)]
    pairs = _pairs(case, setup, seen)
    found += _names(setup, pairs)
    found += _indices(setup, seen, pairs)
    yield from found[:MOST]


def _of_reference(case: Case, setup: Setup) -> Iterator[Intervention]:
    """The reference's own list."""
    right = case.reference.contract
    if right is not None and right.labels and right.labels != setup.contract.labels:
        yield relabelled(
            setup, right.labels, "reference-labels", _said_list(setup.contract.labels, right.labels), 25.0
        )


def _counted(case: Case, setup: Setup, seen: Observation) -> Iterator[Intervention]:
    """A class that only the list or only the model has: a line that was lost, a background class."""
    labels = setup.contract.labels
    scores = scores_of(seen) if setup.contract.task != "detection" else []
    lost = [each for each in _names_of(case) if each not in labels]
    count = scores[0].shape[class_axis(setup)] if scores else len(labels) + bool(lost)
    if not labels or abs(count - len(labels)) != 1:
        return
    pairs = _best_classes(case, seen)
    if count < len(labels):
        places = [place for place, _ in enumerate(labels)]
        lists = {place: (*labels[:place], *labels[place + 1 :]) for place in places}
    else:
        name = lost[0] if lost else BACKGROUND
        places = list(range(len(labels) + 1))
        lists = {place: (*labels[:place], name, *labels[place:]) for place in places}
    for place in sorted(_likely(lists, pairs)):
        more = count < len(labels)
        odd = labels[place] if more else lists[place][place]
        end = 20.0 if place in (0, len(labels) - more) or pairs else 10.0
        yield relabelled(setup, lists[place], f"count-{place}", _said_count(odd, more=more), end)


def _doubled(case: Case, setup: Setup) -> Iterator[Intervention]:
    """A name that stands twice where the reference answers with one that is not there at all."""
    labels = setup.contract.labels
    lost = [each for each in _names_of(case) if each not in labels]
    twice = [place for place, name in enumerate(labels) if labels.count(name) > 1]
    for name in lost[:1]:
        for place in twice[:4]:
            listed = (*labels[:place], name, *labels[place + 1 :])
            yield relabelled(setup, listed, f"twice-{place}", _said_list(labels, listed), 12.0)


def _best_classes(case: Case, seen: Observation) -> list[_Pair]:
    """The class of the largest score beside the right name, also where the wrong list gave no answer."""
    found = []
    for place, outputs in zip(seen.places, seen.outputs, strict=True):
        right = case.reference.answers[place] if case.reference.answers is not None else None
        name = _right(right, ())[1] if right is not None else None
        if outputs and name is not None and outputs[0].ndim == 2 and outputs[0].shape[1] > 1:
            found.append(_Pair(int(outputs[0][0].argmax()), None, name))
    return found


def _likely(lists: dict[int, tuple[str, ...]], pairs: Sequence[_Pair]) -> list[int]:
    """The places that explain most of the pairs; without any, the ends and what else may be tried."""
    if not pairs:
        inner = [place for place in lists if place not in (0, len(lists) - 1)]
        return [0, len(lists) - 1, *inner[: MOST - 2]]
    share = {place: _named(listed, pairs) for place, listed in lists.items()}
    best = max(share.values())
    return [place for place, value in share.items() if value >= best - 1e-9][:3]


def _names_of(case: Case) -> list[str]:
    """The class names that the reference answers with."""
    found: set[str] = set()
    for each in case.reference.answers or ():
        kinds = field(each, "classes") if isinstance(each, dict) else None
        names = kinds if isinstance(kinds, list) else [_right(each, ())[1]] if each is not None else []
        found |= {name for name in names if isinstance(name, str)}
    return sorted(found)


def _pairs(case: Case, setup: Setup, seen: Observation) -> list[_Pair]:
    if setup.contract.task == "segmentation":
        return [pair for _, got, right in right_answers(case, seen) for pair in _of_masks(got, right)]
    if setup.contract.task == "detection":
        labels = setup.contract.labels
        return [pair for _, got, right in right_answers(case, seen) for pair in _of_boxes(got, right, labels)]
    found = []
    for _, got, right in right_answers(case, seen):
        index = field(got, "index")
        if isinstance(index, int):
            found.append(_Pair(index, *_right(right, setup.contract.labels)))
    return found


def _of_masks(got: Any, right: Any) -> Iterator[_Pair]:
    mine, theirs = np.asarray(field(got, "mask")).reshape(-1), np.asarray(field(right, "mask")).reshape(-1)
    if mine.shape == theirs.shape:
        step = max(1, len(mine) // PIXELS)
        for one, other in zip(mine[::step], theirs[::step], strict=True):
            yield _Pair(int(one), int(other), None)


def _of_boxes(got: Any, right: Any, labels: Sequence[str]) -> Iterator[_Pair]:
    """Classes of boxes that are the same on both sides, in order."""
    mine, theirs = (np.asarray(field(each, "boxes") or [], "float64") for each in (got, right))
    names = field(right, "classes") if isinstance(right, dict) else None
    if mine.size and mine.shape == theirs.shape and names and np.allclose(mine, theirs, atol=1.0):
        for one, other in zip(field(got, "classes"), names, strict=True):
            if one in labels:
                yield _Pair(labels.index(one), None, str(other))


def _right(answer: Any, labels: Sequence[str]) -> tuple[int | None, str | None]:
    """Index and name of the right class. A bare number is an index, a bare word a name."""
    if isinstance(answer, dict):
        index, name = answer.get("index"), answer.get("class")
        return (index if isinstance(index, int) else None), (str(name) if name is not None else None)
    if isinstance(answer, int):
        return answer, None
    name = str(answer)
    return (int(name), None) if name.isdecimal() and name not in labels else (None, name)


def _names(setup: Setup, pairs: Sequence[_Pair]) -> Iterator[Intervention]:
    """Other names for the same indices."""
    labels = setup.contract.labels
    telling = [each for each in pairs if each.name is not None and each.index in (None, each.got)]
    if not labels or not telling or len(telling) < 0.5 * len(pairs):
        return
    before = _named(labels, telling)
    for name, listed, said in _lists(labels, telling):
        after = _named(listed, telling)
        if after > before + GAIN:
            yield relabelled(setup, listed, name, said, _prior(before, after))


def _lists(labels: tuple[str, ...], pairs: Sequence[_Pair]) -> Iterator[tuple[str, tuple[str, ...], Text]]:
    yield "shift-up", (*labels[1:], labels[0]), _shifted(-1)
    yield "shift-down", (labels[-1], *labels[:-1]), _shifted(1)
    names = list(dict.fromkeys([*labels, *(each.name for each in pairs if each.name is not None)]))
    if len(names) <= LARGEST:
        at = {name: place for place, name in enumerate(names)}
        votes = np.zeros((len(labels), len(names)))
        for each in pairs:
            if each.name is not None and each.got < len(labels):
                votes[each.got, at[each.name]] += 1
        for place in range(len(labels)):
            votes[place, at[labels[place]]] += 1e-3  # what was not seen stays where it is
        rows, columns = linear_sum_assignment(votes, maximize=True)
        solved = list(labels)
        for row, column in zip(rows, columns, strict=True):
            solved[row] = names[column]
        if tuple(solved) != labels:
            yield "permuted", tuple(solved), _said_list(labels, tuple(solved))


def _named(labels: Sequence[str], pairs: Sequence[_Pair]) -> float:
    return float(np.mean([each.got < len(labels) and labels[each.got] == each.name for each in pairs]))


def _indices(setup: Setup, seen: Observation, pairs: Sequence[_Pair]) -> Iterator[Intervention]:
    """The classes themselves in another order, as after weights of a permuted last layer."""
    scores = scores_of(seen) if setup.contract.task != "detection" else []
    axis = class_axis(setup)
    telling = [each for each in pairs if each.index is not None]
    if not scores or not telling:
        return
    count = scores[0].shape[axis]
    before = float(np.mean([each.got == each.index for each in telling]))
    for name, source, said in _orders(count, telling, setup.contract.labels):
        place = {int(old): new for new, old in enumerate(source)}
        after = float(np.mean([place.get(each.got) == each.index for each in telling]))
        if after > before + GAIN:
            yield Intervention(
                hypothesis="label-map",
                name=name,
                setup=with_outputs(setup, reordered(source, axis)),
                said=said,
                fix=Text(
                    "bring the labels into the order of the training, or export the last layer again",
                    "把标签恢复为训练时的顺序，或重新导出最后一层",
                ),
                prior=_prior(before, after),
                place=("labels",),
            )


def _orders(
    count: int, pairs: Sequence[_Pair], labels: Sequence[str]
) -> Iterator[tuple[str, list[int], Text]]:
    """Orders of the classes worth a try: `source[new]` is the old place."""
    yield "indices-up", [(place + 1) % count for place in range(count)], _shifted(1)
    yield "indices-down", [(place - 1) % count for place in range(count)], _shifted(-1)
    if count > LARGEST:
        return
    votes = np.zeros((count, count))
    for each in pairs:
        if each.index is not None and each.index < count and each.got < count:
            votes[each.index, each.got] += 1
    votes += 1e-3 * np.eye(count)
    _, columns = linear_sum_assignment(votes, maximize=True)
    source = [int(each) for each in columns]
    moved = [(_label(labels, old), _label(labels, new)) for new, old in enumerate(source) if new != old]
    yield "indices-permuted", source, _exchanged(moved)


def _label(labels: Sequence[str], index: int) -> str:
    return labels[index] if index < len(labels) else str(index)


def _prior(before: float, after: float) -> float:
    return 20.0 if after >= 0.9 and before < 0.6 else 10.0 if after >= 0.9 else 2.0 + 8.0 * (after - before)


def _shifted(by: int) -> Text:
    return Text(
        f"The labels are shifted by one: class n carries the name of class n{by:+d}.",
        f"标签错位一格：第 n 类用了第 n{by:+d} 类的名字。",
    )


def _said_list(now: Sequence[str], right: Sequence[str]) -> Text:
    wrong = [place for place in range(min(len(now), len(right))) if now[place] != right[place]]
    if len(now) == len(right) and tuple(right[1:]) == tuple(now[:-1]):
        return _shifted(1)
    if len(now) == len(right) and tuple(now[1:]) == tuple(right[:-1]):
        return _shifted(-1)
    if len(now) != len(right):
        odd = next(iter([*(set(now) - set(right)), *(set(right) - set(now))]), "")
        what, what_zh = ("is too many", "多余") if odd in now else ("is missing", "缺失")
        return Text(
            f"The label list has {len(now)} entries, the right one {len(right)}: {odd!r} {what}.",
            f"标签列表有 {len(now)} 项，正确的有 {len(right)} 项：“{odd}”{what_zh}。",
        )
    first = wrong[0]
    count = "One label is" if len(wrong) == 1 else f"{len(wrong)} labels are"
    return Text(
        f"{count} wrong: class {first} is called {now[first]!r} and is {right[first]!r}.",
        f"{len(wrong)} 个标签有误：第 {first} 类现名“{now[first]}”，应为“{right[first]}”。",
    )


def _exchanged(moved: Sequence[tuple[str, str]]) -> Text:
    shown = ", ".join(f"{old} is {new}" for old, new in moved[:4])
    shown_zh = "、".join(f"{old} 实为 {new}" for old, new in moved[:4])
    more = f" and {len(moved) - 4} more" if len(moved) > 4 else ""
    return Text(
        f"Classes are in each other's place: {shown}{more}.",
        f"类别顺序被打乱：{shown_zh}{' 等' if more else ''}。",
    )


def _said_count(name: str, *, more: bool) -> Text:
    if more:
        return Text(f"The label list has a class too many: {name!r}.", f"标签列表多了一类：“{name}”。")
    return Text(f"The label list lacks a class: {name!r}.", f"标签列表缺少一类：“{name}”。")


HYPOTHESIS = Hypothesis(
    name="label-map",
    title=Text("label map", "标签映射"),
    question=Text(
        "Are the labels those of the training, in its order?", "标签的内容和顺序是否与训练时一致？"
    ),
    stage="answers",
    propose=propose,
    source="F20, F21, PaddleClas #1633",
)
