"""Small tools for the checks that probe a model with changed inputs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatrial.contract import Contract, Sample
    from seatrial.runtimes import Session

CLASSIFICATION = ("classification", "text-classification")


def infer(session: Session, feeds: Sequence[Mapping[str, Any]], *, batch: int = 32) -> list[list[Any]]:
    """Infers every feed, those of equal shapes together where the graph's batch axis is free.

    Args:
        session: Any.
        feeds: Each with a batch axis of 1.
        batch: Rows in one call at most.

    Returns:
        For each feed its outputs, batch axis of 1, in the order given.
    """
    free = all(spec.batch_is_free for spec in session.artifact.inputs)
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, feed in enumerate(feeds):
        groups[tuple((name, np.shape(array), str(array.dtype)) for name, array in feed.items())].append(place)
    results: list[list[Any]] = [[] for _ in feeds]
    for places in groups.values():
        step = batch if free else 1
        for start in range(0, len(places), step):
            chosen = places[start : start + step]
            joined = {
                name: np.concatenate([feeds[each][name] for each in chosen]) for name in feeds[chosen[0]]
            }
            outputs = session.run(joined)
            if all(np.ndim(each) and len(each) == len(chosen) for each in outputs):
                for row, place in enumerate(chosen):
                    results[place] = [each[row : row + 1] for each in outputs]
            else:  # an output without a batch axis: one row a call
                for place in chosen:
                    results[place] = session.run(feeds[place])
    return results


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """At most `count` samples, evenly over the whole set (files are often sorted by class)."""
    if len(samples) <= count:
        return list(samples)
    return [samples[int(place)] for place in np.linspace(0, len(samples) - 1, count)]


def class_index(contract: Contract, label: Any) -> int | None:
    """The class index of a label given as index or as name; None when it is neither.

    A number in a text (`"7"`) is a name where the labels have it, else an index.
    """
    if isinstance(label, bool) or label is None:
        return None
    if isinstance(label, str):
        if label in contract.labels:
            return contract.labels.index(label)
        return int(label) if label.isdigit() else None
    return int(label) if np.ndim(label) == 0 and float(label).is_integer() and label >= 0 else None
