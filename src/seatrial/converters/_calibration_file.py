"""Feeds of calibration samples in one file, for the children that quantize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import UsageError

Feed = Mapping[str, NDArray[Any]]


def write_feeds(path: Path, feeds: Sequence[Feed]) -> None:
    """Keeps feeds, each of one sample with a batch axis of 1, in their order.

    Raises:
        UsageError: There are none, or they do not name the same inputs.
    """
    if not feeds:
        raise UsageError("there are no calibration samples", hint="name real samples with --data")
    names = sorted(feeds[0])
    if any(sorted(each) != names for each in feeds):
        raise UsageError("the calibration samples do not name the same inputs")
    arrays = {f"{place}/{name}": each[name] for place, each in enumerate(feeds) for name in names}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_feeds(path: Path) -> list[dict[str, NDArray[Any]]]:
    """The feeds that `write_feeds` kept, in their order."""
    with np.load(path, allow_pickle=False) as kept:
        feeds: dict[int, dict[str, NDArray[Any]]] = {}
        for key in kept.files:
            place, _, name = key.partition("/")
            feeds.setdefault(int(place), {})[name] = kept[key]
    return [feeds[place] for place in sorted(feeds)]
