"""Asks the model's own answers: are the classes permuted, was the input prepared otherwise in training?

Nothing here knows the right preprocessing. It changes the prepared input in the ways people get wrong and
asks whether the model does significantly better; a model that likes its pictures red-blue exchanged was
trained so (`M03`, F20-F23).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from seatrial.checks._statistics import better_than

_IMAGENET = (np.array([0.485, 0.456, 0.406], "float32"), np.array([0.229, 0.224, 0.225], "float32"))

SIGNIFICANT = 0.01  # p-value, after Bonferroni, below which another preprocessing is the right one


@dataclass(frozen=True, slots=True)
class Change:
    """One way to prepare the input otherwise.

    Attributes:
        name: What the contract would have to say.
        name_zh: The same in Chinese.
        apply: Prepared array with batch axis -> changed array, same dtype.
    """

    name: str
    name_zh: str
    apply: Callable[[Any], Any]


def changes(shape: tuple[int, ...], *, channels_last: bool) -> list[Change]:
    """The changes that make sense for a float image input of this shape (batch axis included)."""
    if len(shape) != 4:
        return []
    axis = 3 if channels_last else 1
    found = [
        Change(
            "values 255 times larger (no division by 255)", "数值放大 255 倍（不除以 255）", lambda x: x * 255
        ),
        Change(
            "values 255 times smaller (division by 255)", "数值缩小为 1/255（除以 255）", lambda x: x / 255
        ),
        Change("mean 0.5 and std 0.5 applied", "减均值 0.5 并除以标准差 0.5", lambda x: (x - 0.5) / 0.5),
        Change("mean 0.5 and std 0.5 not applied", "不做 0.5/0.5 归一化", lambda x: x * 0.5 + 0.5),
        Change("dark and bright exchanged", "明暗反转", lambda x: x.max() + x.min() - x),
    ]
    height, width = (shape[1], shape[2]) if channels_last else (shape[2], shape[3])
    if height == width:
        axes = (0, 2, 1, 3) if channels_last else (0, 1, 3, 2)
        found.append(Change("height and width exchanged", "宽高互换", lambda x: x.transpose(axes)))
    if shape[axis] == 3:
        view = (1, 1, 1, 3) if channels_last else (1, 3, 1, 1)
        mean, deviation = (each.reshape(view) for each in _IMAGENET)
        found += [
            Change("red and blue exchanged (RGB/BGR)", "红蓝通道互换（RGB/BGR）", lambda x: np.flip(x, axis)),
            Change(
                "ImageNet mean and std applied",
                "使用 ImageNet 均值与标准差",
                lambda x: (x - mean) / deviation,
            ),
            Change(
                "ImageNet mean and std not applied",
                "不使用 ImageNet 均值与标准差",
                lambda x: x * deviation + mean,
            ),
        ]
    return found


@dataclass(frozen=True, slots=True)
class Preference:
    """How the model does with a change, on the same samples.

    Attributes:
        change: The change.
        declared: Share right as the contract prepares it.
        changed: Share right with the change.
        p_value: One-sided McNemar test that the change is better, times the number of changes tried.
        examined: Samples.
    """

    change: Change
    declared: float
    changed: float
    p_value: float
    examined: int


def prefer(change: Change, declared: Any, changed: Any, *, tried: int) -> Preference:
    """Compares two lists of right and wrong on the same samples.

    Args:
        change: What was changed.
        declared: Right or wrong by sample, bool, shape (n,).
        changed: The same with the change.
        tried: How many changes are tried in all (Bonferroni).
    """
    one, other = np.asarray(declared, bool), np.asarray(changed, bool)
    gained, lost = int((other & ~one).sum()), int((one & ~other).sum())
    p_value = _more_gained(gained, lost)
    return Preference(change, float(one.mean()), float(other.mean()), min(p_value * tried, 1.0), len(one))


def _more_gained(gained: int, lost: int) -> float:
    """One-sided sign test: p-value of gaining this often or more if gains and losses were equally likely."""
    return better_than(gained, gained + lost, 0.5) if gained + lost else 1.0


@dataclass(frozen=True, slots=True)
class Permutation:
    """The renaming of classes that fits the answers best.

    Attributes:
        moved: (true class, class it is answered as), only those that change.
        before: Accuracy as the labels are.
        after: Accuracy if the classes were renamed so.
        p_value: One-sided sign test on the samples of the moved classes, times the classes.
        examined: Samples.
    """

    moved: tuple[tuple[int, int], ...]
    before: float
    after: float
    p_value: float
    examined: int


def best_permutation(truth: Any, answered: Any, classes: int) -> Permutation:
    """Finds the one-to-one renaming of classes that agrees with most answers (Hungarian method).

    Args:
        truth: Class indices, shape (n,).
        answered: Class indices the model gave, shape (n,).
        classes: How many there are.
    """
    truth, answered = np.asarray(truth, int), np.asarray(answered, int)
    table = np.zeros((classes, classes), int)
    np.add.at(table, (truth, answered), 1)
    # A tiny bonus for staying keeps classes without evidence where they are.
    rows, columns = optimize.linear_sum_assignment(-(table + 1e-3 * np.eye(classes)))
    moved = tuple((int(row), int(column)) for row, column in zip(rows, columns, strict=True) if row != column)
    gained = sum(int(table[row, column]) for row, column in moved)
    lost = sum(int(table[row, row]) for row, _ in moved)
    p_value = _more_gained(gained, lost)
    count = max(len(truth), 1)
    right = int(np.trace(table))
    return Permutation(
        moved, right / count, (right - lost + gained) / count, min(p_value * classes, 1.0), len(truth)
    )
