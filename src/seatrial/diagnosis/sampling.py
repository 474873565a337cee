"""Which samples of a data set both sides are asked about."""

from __future__ import annotations

import random
from pathlib import Path

from seatrial.contract import Contract, HeldOut, read_held_out
from seatrial.diagnosis._reference_rows import Rows
from seatrial.diagnosis.search import MOST_SAMPLES
from seatrial.errors import UsageError

_CLASSES = ("classification", "text-classification")


def read_samples(path: Path, contract: Contract) -> HeldOut:
    """The data, with the names of classes as they are written there.

    The gate turns names into indices by the deployed label map; here that map may be the very thing that is
    wrong.

    Args:
        path: As `read_held_out` takes it.
        contract: The deployed one.

    Raises:
        SeatrialError: As `read_held_out`.
    """
    return read_held_out(path, contract=None if contract.task in _CLASSES else contract)


def chosen(count: int, *, limit: int | None = None, seed: int) -> Rows:
    """A random choice of rows, the same for the same seed; data is often sorted by class.

    Args:
        count: Samples there are.
        limit: Only from the first so many.
        seed: Of the choice.

    Raises:
        UsageError: There is no sample.
    """
    if not count:
        raise UsageError("the data is empty", hint="at least one sample is needed")
    first = min(count, limit or count)
    places = list(range(first))
    random.Random(seed).shuffle(places)  # noqa: S311 - a choice of samples, no secret
    return Rows(tuple(places[:MOST_SAMPLES]), tuple(sorted({first, count})))
