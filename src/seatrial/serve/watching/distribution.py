"""How a model's inputs are distributed: learned from held-out samples, kept beside the model.

A few numbers of each prepared input are put into bins: the mean and the spread of each sample, some of its
values, its size or length. The bins are the tenths of what the held-out samples show, with one more at
either end for what they never show. The numbers say nothing about any single sample.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.contract.writing import written_beside
from seatrial.errors import ContractViolation, UsageError

FILE = "input_distribution.json"
FORMAT = "seatrial/input-distribution/1"
FEWEST = 20  # samples below which tenths mean nothing
MOST_ROWS = 32  # of one batch that are looked at
_TENTHS = np.linspace(0, 1, 11)
_LOOKED_AT = 4096  # values of one sample, evenly spread over it
_KEPT = 16  # of those, that stand for themselves


@dataclass(frozen=True)
class Bins:
    """One number of the samples, in bins.

    Attributes:
        edges: Where bins begin, from the second on; the first is for what lies below.
        counts: Of the held-out samples, one more than edges.
    """

    edges: Array
    counts: Array

    def place(self, values: Array) -> Array:
        """How many values lie in each bin; NaN is beyond the last edge."""
        places = np.searchsorted(self.edges, values, side="right")
        return np.bincount(places, minlength=len(self.edges) + 1).astype(np.float64)


@dataclass(frozen=True)
class Distribution:
    """The inputs of one model.

    Attributes:
        samples: How many it was learned from.
        preprocess: Digest of the contract's pipelines that prepared them.
        inputs: Bins by input name and number (`mean`, `spread`, `value`, `size`, `length`).
    """

    samples: int
    preprocess: str
    inputs: Mapping[str, Mapping[str, Bins]]


def learn(feeds: Iterable[Mapping[str, Array]], preprocess: str) -> Distribution:
    """The distribution of prepared samples.

    Args:
        feeds: Arrays by input name, batch axis first.
        preprocess: `Contract.preprocess_digest()` of what prepared them.

    Raises:
        UsageError: They are too few.
    """
    seen: dict[str, dict[str, list[Array]]] = {}
    samples = 0
    for each in feeds:
        samples += len(next(iter(each.values()), ()))
        for name, array in each.items():
            for number, values in numbers_of(array).items():
                seen.setdefault(name, {}).setdefault(number, []).append(values)
    if samples < FEWEST:
        raise UsageError(
            f"{samples} samples are too few to know how inputs are distributed",
            hint=f"give {FEWEST} or more; a thousand are good",
        )
    inputs = {
        name: {number: _binned(np.concatenate(values)) for number, values in numbers.items()}
        for name, numbers in seen.items()
    }
    return Distribution(samples, preprocess, inputs)


def numbers_of(array: Array) -> dict[str, Array]:
    """The numbers of a batch that are looked at, one or some a row.

    Args:
        array: One input, batch axis first.
    """
    rows = array[:MOST_ROWS]
    if rows.dtype.kind in "OUS":
        return {"length": np.array([sum(len(text) for text in np.ravel(row)) for row in rows], np.float64)}
    size = math.prod(rows.shape[1:])
    flat = rows.reshape(len(rows), size)
    if size == 1:
        return {"value": flat[:, 0].astype(np.float64)}
    if size > _LOOKED_AT:
        flat = flat[:, np.linspace(0, size - 1, _LOOKED_AT).astype(np.intp)]
    flat = flat.astype(np.float64)
    numbers = {"size": np.full(len(flat), float(size))}
    if size:
        kept = np.linspace(0, flat.shape[1] - 1, min(_KEPT, flat.shape[1])).astype(np.intp)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite lands in the last bin
            numbers |= {"mean": flat.mean(1), "spread": flat.std(1), "value": flat[:, kept].ravel()}
    return numbers


def _binned(values: Array) -> Bins:
    finite = values[np.isfinite(values)]
    edges = np.unique(np.quantile(finite, _TENTHS)) if len(finite) else np.zeros(1)
    beyond = np.nextafter(edges[-1], math.inf)  # the largest seen is seen, not beyond
    edges = np.append(edges[:-1] if len(edges) > 1 else edges, beyond)
    empty = Bins(edges, np.zeros(len(edges) + 1))
    return Bins(edges, empty.place(values))


def instability(reference: Array, now: Array, *, samples: float, rows: float) -> float:
    """Population stability index of counts in bins, less what chance alone gives; 0: no change to be seen.

    0.1 is a small shift and 0.25 a large one by the usual rule of thumb (Siddiqi, Credit Risk Scorecards,
    2006). Two draws of one distribution differ by (bins - 1) (1/samples + 1/rows) on average (Yurdakul 2018,
    from the chi-square law that the index follows), which is taken off.

    Args:
        reference: Counts.
        now: Counts in the same bins.
        samples: That the reference was learned from.
        rows: That are behind `now`.
    """
    bins = len(reference)
    expected = (reference + 0.5) / (reference.sum() + 0.5 * bins)
    # Smoothed towards the reference, so that bins which are empty on both sides say nothing.
    found = (now + expected) / (now.sum() + 1.0)
    index = float(np.sum((found - expected) * np.log(found / expected)))
    return max(0.0, index - (bins - 1) * (1 / samples + 1 / rows))


def save(distribution: Distribution, folder: Path) -> Path:
    """Writes it beside a model, whole or not at all; returns the file.

    Raises:
        UsageError: It cannot be written.
    """
    data = {
        "format": FORMAT,
        "samples": distribution.samples,
        "preprocess": distribution.preprocess,
        "inputs": {
            name: {
                number: {"edges": bins.edges.tolist(), "counts": [int(each) for each in bins.counts]}
                for number, bins in numbers.items()
            }
            for name, numbers in distribution.inputs.items()
        },
    }
    path = folder / FILE
    try:
        with written_beside(path, json.dumps(data, indent=1).encode()) as beside:
            beside.replace(path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}") from error
    return path


def load(folder: Path) -> Distribution | None:
    """The distribution that lies beside a model; None: there is none.

    Raises:
        ContractViolation: The file is damaged.
    """
    path = folder / FILE
    try:
        return _read(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ContractViolation(
            f"{path} is no input distribution: {error}", hint="write it again with: seatrial drift learn"
        ) from error


def _read(data: Any) -> Distribution:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r:.80}, expected {FORMAT}")
    inputs = {
        str(name): {str(number): _bins(each) for number, each in numbers.items()}
        for name, numbers in data["inputs"].items()
    }
    samples = int(data["samples"])
    if samples < 1:
        raise ValueError("no samples")
    return Distribution(samples, str(data["preprocess"]), inputs)


def _bins(data: Mapping[str, Any]) -> Bins:
    edges, counts = np.array(data["edges"], np.float64), np.array(data["counts"], np.float64)
    if edges.ndim != 1 or counts.shape != (len(edges) + 1,) or not len(edges):
        raise ValueError("edges and counts do not fit each other")
    if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all() and (counts >= 0).all()):
        raise ValueError("edges do not grow, or counts are no counts")
    return Bins(edges, counts)
