"""Which samples travel with a model: spread over classes and slices, the same ones every time."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from seatrial.contract.held_out import payload_digest
from seatrial.contract.sample import Sample

_MOST_READ = 2000  # files that are read to know their digests


def in_turn(samples: Sequence[Sample]) -> Iterator[Sample]:
    """All samples, each time one whose class and slices were taken least so far.

    Where that leaves a choice, the digest of the payload decides: the order of files and chance do not.
    A class that was seldom taken goes before a slice that was.
    """
    if len(samples) > _MOST_READ:
        samples = [samples[int(place)] for place in np.linspace(0, len(samples) - 1, _MOST_READ)]
    waiting: dict[tuple[str, ...], list[tuple[bytes, int]]] = {}
    for place, each in enumerate(samples):
        heapq.heappush(waiting.setdefault(_group(each), []), (payload_digest(each.payload), place))
    taken: Counter[str] = Counter()
    while waiting:
        group = min(
            waiting,
            key=lambda group: (taken[group[0]], sum(taken[each] for each in group[1:]), waiting[group][0]),
        )
        _, place = heapq.heappop(waiting[group])
        if not waiting[group]:
            del waiting[group]
        taken.update(group)
        yield samples[place]


def _group(sample: Sample) -> tuple[str, ...]:
    label = sample.label
    # Numbers of a regression, boxes and masks differ from sample to sample: they are no classes.
    known = isinstance(label, str | int | np.integer) and not isinstance(label, bool)
    slices = (f"slice {name}={value}" for name, value in sorted(sample.slices.items()))
    return (f"class {label}" if known else "class", *slices)
