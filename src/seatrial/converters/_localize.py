"""Names the first operator whose output a conversion changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import SeatrialError
from seatrial.runtimes import OperatorOutput, Pool, SessionOptions


def first_divergence(source: Pool, result: Pool, feeds: Mapping[str, Array], *, tolerance: float) -> str:
    """A sentence about the first operator of the source whose output the result has nowhere.

    Both graphs are traced and matched by value, because converters rename every tensor, split operators
    and drop others. Empty when one of the two cannot be traced, or nothing stands out.
    """
    try:
        ours = source.get("auto", SessionOptions(optimize=False)).trace(feeds)
        theirs = result.get("auto", SessionOptions(optimize=False)).trace(feeds)
    except SeatrialError:
        return ""
    found = diverging(ours, theirs, tolerance=tolerance)
    if found is None:
        return ""
    # Some operators show no output (Paddle's rnn): then the culprit lies between two that do.
    after = f" (the last that agrees is {found[0].label})" if found[0] else ""
    return f"the first operator that diverges is {found[1].label}{after}"


def diverging(
    ours: Sequence[OperatorOutput], theirs: Sequence[OperatorOutput], *, tolerance: float
) -> tuple[OperatorOutput | None, OperatorOutput] | None:
    """The last of `ours` that still has its equal among `theirs`, and the one after it; None when all have.

    Outputs of less than two values, constants and integers match by chance and are not looked at.
    """
    candidates: dict[int, list[Array]] = {}
    for each in theirs:
        if each.value.dtype.kind == "f":
            candidates.setdefault(each.value.size, []).append(_sorted(each.value))
    telling = [
        each
        for each in ours
        if each.value.dtype.kind == "f" and each.value.size > 1 and np.ptp(each.value) > 0
    ]
    last = -1
    for place, each in enumerate(telling):
        values = _sorted(each.value)
        if any(_close(values, other, tolerance) for other in candidates.get(values.size, [])):
            last = place
    if last + 1 == len(telling):
        return None
    return telling[last] if last >= 0 else None, telling[last + 1]


def _sorted(array: Array) -> Array:
    """The values in order: equal for equal tensors, whatever their layout."""
    flat: Array = np.sort(np.nan_to_num(array.astype("float64")).ravel())
    return flat


def _close(ours: Array, theirs: Array, tolerance: float) -> bool:
    scale = max(float(np.abs(ours).max()), 1e-6)
    return bool(np.abs(ours - theirs).max() <= tolerance * scale)
