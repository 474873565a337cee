"""Does a session agree with itself: again, in another batch, in another order (`M05`, faults F17 and F18)."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks._consistency.tolerance import Comparison, compare, merge
from seatrial.contract.feeds import join
from seatrial.runtimes import Session

Feed = Mapping[str, Any]


@dataclass(frozen=True)
class SelfComparison:
    """One self-comparison.

    Attributes:
        outputs: One comparison an output.
        rows: Rows compared.
        bit_exact: Whether every bit was the same.
    """

    outputs: tuple[Comparison, ...]
    rows: int

    @property
    def bit_exact(self) -> bool:
        """Whether every bit was the same."""
        return all(each.identical for each in self.outputs)

    @property
    def worst(self) -> Comparison:
        """The output that differs most."""
        return max(self.outputs, key=lambda each: (bool(each.structure), each.scale_relative))


def rows_of_one_shape(feeds: Sequence[Feed | None], count: int) -> list[Feed]:
    """At most `count` feeds that share a shape, so that they fit in one batch.

    A single sample of its shape is joined by shifted copies of itself: a batch of equal rows would hide
    what one row does to another.
    """
    groups: dict[tuple[Any, ...], list[Feed]] = {}
    for feed in feeds:
        if feed is not None:
            key = tuple((name, np.shape(value), str(value.dtype)) for name, value in feed.items())
            groups.setdefault(key, []).append(feed)
    if not groups:
        return []
    rows = max(groups.values(), key=len)[:count]
    single = rows[0]
    shift = 1
    while len(rows) < min(count, 4):
        rows.append({name: _shifted(value, shift) for name, value in single.items()})
        shift += 1
    return rows


def _shifted(value: Any, by: int) -> Any:
    """Rolled along the last axis; what has no axis beside the batch (lengths) stays as it is."""
    array = np.asarray(value)
    return np.roll(array, by, axis=-1) if array.ndim > 1 else array


def repeat(session: Session, feeds: Feed, *, times: int) -> SelfComparison:
    """The same call again and again: dropout left in training mode shows here (`F17`)."""
    first = session.run(feeds)
    runs = [session.run(feeds) for _ in range(times)]
    return _compared([(first, each) for each in runs])


def batch_invariance(session: Session, rows: Sequence[Feed]) -> SelfComparison:
    """Each row alone against all in one batch: batch norm left in training mode shows here (`F18`)."""
    together = session.run(join(list(rows)))
    alone = [session.run(each) for each in rows]
    joined = [np.concatenate([each[output] for each in alone]) for output in range(len(together))]
    return _compared([(joined, together)])


def permutation(session: Session, rows: Sequence[Feed], *, rng: np.random.Generator) -> SelfComparison:
    """A batch in another order must give the same rows in that order."""
    order = rng.permutation(len(rows))
    if np.array_equal(order, np.arange(len(rows))):
        order = order[::-1]
    straight = session.run(join(list(rows)))
    permuted = session.run(join([rows[i] for i in order]))
    expected = [each[order] if len(each) == len(rows) else each for each in straight]
    return _compared([(expected, permuted)])


def natural_spread(
    session: Session, feeds: Sequence[Feed], *, rng: np.random.Generator, seconds: float = math.inf
) -> float | None:
    """Scale-relative change of the outputs when float inputs move by a few units in the last place.

    It measures how much this model amplifies rounding, from the reference alone, and predicts how far
    correct runtimes lie apart: measured on PP-OCRv4 it gave 1.4e-5 and 6e-5 where oneDNN lay 5e-5 and
    1.1e-4 off. Samples differ a hundredfold in this, so every compared sample is asked.

    Args:
        session: The reference.
        feeds: Of the samples; each is asked alone with and without noise, so that what a batch does to
            its rows never widens the tolerance.
        rng: Draws the noise.
        seconds: No further sample is asked after these.

    Returns:
        The largest change of any sample, or None when no input is a float.
    """
    largest: float | None = None
    begin = time.monotonic()
    for feed in feeds:
        if largest is not None and time.monotonic() - begin > seconds:
            break
        if not any(np.asarray(value).dtype.kind == "f" for value in feed.values()):
            return None
        moved = session.run({name: _nudged(value, rng) for name, value in feed.items()})
        for one, other in zip(session.run(feed), moved, strict=True):
            found = compare(one, other)
            if not found.structure:
                largest = max(largest or 0.0, found.scale_relative)
    return largest


def _nudged(value: Any, rng: np.random.Generator) -> Any:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return array
    noise = rng.normal(0, 2.0**-22, array.shape)
    return (array.astype("float64") * (1 + noise)).astype(array.dtype)


def _compared(pairs: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> SelfComparison:
    count = len(pairs[0][0])
    outputs = tuple(merge([compare(one[i], other[i]) for one, other in pairs]) for i in range(count))
    return SelfComparison(outputs, sum(each.rows for each in outputs[:1]))
