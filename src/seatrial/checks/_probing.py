"""Small tools for the checks that probe a model with changed inputs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seatrial.checks._inference import production_session
from seatrial.contract.feeds import join
from seatrial.errors import ContractViolation, EngineFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatrial.checks._trial import Trial
    from seatrial.contract import Context, Contract, Sample

T = TypeVar("T")
_BATCH = 16
CLASSIFICATION = ("classification", "text-classification")


@dataclass(frozen=True)
class Prepared:
    """One sample after the contract's preprocessing.

    Attributes:
        sample: As people have it.
        feeds: Arrays by input name, batch axis of 1.
        context: What the steps noted.
    """

    sample: Sample
    feeds: Mapping[str, Any]
    context: Context


def prepare(contract: Contract, samples: Sequence[Sample]) -> tuple[list[Prepared], list[tuple[str, str]]]:
    """Preprocesses samples; those the contract refuses come back as (key, message)."""
    done: list[Prepared] = []
    refused: list[tuple[str, str]] = []
    for sample in samples:
        try:
            feeds, context = contract.prepare(sample.payload)
        except ContractViolation as error:
            refused.append((sample.key, error.message))
        else:
            done.append(Prepared(sample, feeds, context))
    return done, refused


def ask(trial: Trial, feeds: Mapping[str, Any]) -> list[Any]:
    """Infers once on the deployed artifact; an engine that refuses is asked again in a fresh process.

    oneDNN keeps memory for every shape it has seen, so a long-lived session can refuse what a new one takes.

    Raises:
        ContractViolation: The feeds break the graph's specs.
        EngineFailure: A fresh session refused too, or the process died.
    """
    session = production_session(trial)
    try:
        return session.run(feeds)
    except EngineFailure as error:
        if error.kind != "exception":
            raise
    session.close()
    return production_session(trial).run(feeds)


def infer(trial: Trial, feeds: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Infers every feed, those of equal shapes together where samples can be told apart afterwards.

    Args:
        trial: The model.
        feeds: Each with a batch axis of 1.

    Returns:
        For each feed its outputs, batch axis of 1, in the order given.

    Raises:
        SeatrialError: As `ask`.
    """
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, feed in enumerate(feeds):
        groups[tuple((name, np.shape(array), str(array.dtype)) for name, array in feed.items())].append(place)
    results: list[list[Any]] = [[] for _ in feeds]
    step = _BATCH if trial.contract.batches_freely else 1
    for places in groups.values():
        for start in range(0, len(places), step):
            chosen = places[start : start + step]
            outputs = ask(trial, join([feeds[each] for each in chosen]))
            if all(np.ndim(each) and len(each) == len(chosen) for each in outputs):
                for row, place in enumerate(chosen):
                    results[place] = [each[row : row + 1] for each in outputs]
            else:  # an output without a batch axis: one row a call
                for place in chosen:
                    results[place] = ask(trial, feeds[place])
    return results


def spread(samples: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, evenly over the whole set (files are often sorted by class)."""
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
