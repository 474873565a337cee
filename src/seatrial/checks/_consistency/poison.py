"""Poisoned copies of answers for negative controls: any honest comparator refuses each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from seatrial.checks._inference import Predictions

Outputs = tuple[tuple[Any, ...] | None, ...]


def one_nan(outputs: Outputs) -> Outputs | None:
    """One NaN in the first output of the sample in the middle."""
    return _each(outputs, lambda place, array: _with_nan(array) if place == _middle(outputs) else array)


def all_nan_but_one(outputs: Outputs) -> Outputs | None:
    """NaN everywhere but once in each array: gates that ask "not all NaN" let this through."""
    return _each(outputs, lambda _, array: _nan_but_one(array))


def times_ten(outputs: Outputs) -> Outputs | None:
    """Ten times the truth: gates that normalize each side by itself let this through."""
    return _each(outputs, lambda _, array: _times_ten(array))


def reordered(outputs: Outputs) -> Outputs | None:
    """Each sample gets the outputs of the next of its shape; None when all of them answer nearly the same."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for place, row in enumerate(outputs):
        if row is not None:
            groups[tuple(each.shape for each in row)].append(place)
    moved = list(outputs)
    for members in groups.values():
        for place, source in zip(members, members[1:] + members[:1], strict=True):
            moved[place] = outputs[source]
    return tuple(moved) if _far(outputs, tuple(moved)) else None


CHINESE = {
    "one NaN": "一个 NaN",
    "all NaN but one": "除一个外全为 NaN",
    "ten times the truth": "真值的十倍",
    "samples in another order": "样本顺序打乱",
}
POISONS: Mapping[str, Callable[[Outputs], Outputs | None]] = {
    "one NaN": one_nan,
    "all NaN but one": all_nan_but_one,
    "ten times the truth": times_ten,
    "samples in another order": reordered,
}


def poisoned(given: Predictions) -> dict[str, Predictions]:
    """Every poison that can be told from the truth, by name; the answers stay as they were."""
    found = {}
    for name, poison in POISONS.items():
        outputs = poison(given.outputs)
        if outputs is not None:
            found[name] = replace(given, outputs=outputs)
    return found


def _each(outputs: Outputs, change: Callable[[int, Any], Any]) -> Outputs | None:
    """Applies `change(place, array)` to every array; None when nothing came out different."""
    changed = tuple(
        None if row is None else tuple(change(place, np.asarray(each)) for each in row)
        for place, row in enumerate(outputs)
    )
    return changed if _far(outputs, changed) else None


def _middle(outputs: Outputs) -> int:
    answered = [place for place, row in enumerate(outputs) if row is not None]
    return answered[len(answered) // 2] if answered else -1


def _with_nan(array: Any) -> Any:
    bad = np.array(array)
    if bad.dtype.kind == "f" and bad.size:
        bad.flat[bad.size // 2] = np.nan
    return bad


def _nan_but_one(array: Any) -> Any:
    bad = np.array(array)
    if bad.dtype.kind == "f" and bad.size > 1:
        bad.flat[1:] = np.nan
    return bad


def _times_ten(array: Any) -> Any:
    return array * array.dtype.type(10) if array.dtype.kind in "fi" else array


def _far(one: Outputs, other: Outputs) -> bool:
    """Whether some output moved by a tenth of its scale, or became another kind of number."""
    for a, b in zip(one, other, strict=True):
        for x, y in zip(a or (), b or (), strict=True):
            if x.dtype.kind not in "fi" or not x.size:
                continue
            if not np.array_equal(np.isnan(x), np.isnan(y)):
                return True
            scale = float(np.nan_to_num(np.abs(x)).max())
            if float(np.nan_to_num(np.abs(y.astype("float64") - x)).max()) > 0.1 * scale:
                return True
    return False
