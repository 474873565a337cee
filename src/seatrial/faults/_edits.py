"""Broken copies of a model: what every fault of files, weights and graphs has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seatrial.errors import SeatrialError
from seatrial.faults._fault import Good, NotApplicable, Release
from seatrial.model import OperatorEdit, Parameter, rewrite
from seatrial.model.weights import Array, read_parameter

_Chosen = TypeVar("_Chosen")


def release_of(good: Good, graph: Path, **changes: Any) -> Release:
    """The good release with another model."""
    return replace(good.release, model=graph, **changes)


def with_tensors(good: Good, folder: Path, tensors: Mapping[str, Array], **changes: Any) -> Release:
    """The good release with other values in some parameters."""
    return release_of(good, edited(good, folder, tensors=tensors), **changes)


def with_operators(good: Good, folder: Path, edits: Sequence[OperatorEdit]) -> Release:
    """The good release with other operators or attributes."""
    return release_of(good, edited(good, folder, operators=edits))


def with_one_value(good: Good, folder: Path, seed: int, parameter: Parameter, value: float) -> Release:
    """The good release with one value of one parameter set; the seed says which."""
    values = values_of(parameter)
    values.reshape(-1)[int(np.random.default_rng([seed, 1]).integers(values.size))] = value
    return with_tensors(good, folder, {parameter.name: values})


def edited(good: Good, folder: Path, **edits: Any) -> Path:
    """An edited copy of the model (`seatrial.model.rewrite`).

    Raises:
        NotApplicable: Models of this kind cannot be edited so.
    """
    return applicable(lambda: rewrite(good.artifact, folder, **edits))


def applicable(make: Callable[[], _Chosen]) -> _Chosen:
    """What `make` gives; our own errors mean that the fault cannot happen to this release."""
    try:
        return make()
    except NotApplicable:
        raise
    except SeatrialError as error:
        raise NotApplicable(error.message, hint=error.hint) from error


def chosen(candidates: Sequence[_Chosen], seed: int, why: str) -> _Chosen:
    """One of several, by the seed.

    Raises:
        NotApplicable: There is none; `why` says of what.
    """
    if not candidates:
        raise NotApplicable(why)
    return candidates[int(np.random.default_rng(seed).integers(len(candidates)))]


def values_of(parameter: Parameter) -> Array:
    """The values of a parameter, as a copy that may be changed."""
    return applicable(lambda: np.array(read_parameter(parameter)))
