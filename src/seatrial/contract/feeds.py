"""Arrays on their way into an engine: checked against the specs, joined to batches and taken apart again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation


def check_feeds(specs: Sequence[TensorSpec], feeds: Mapping[str, Any]) -> None:
    """Refuses a batch that breaks the specs, before an engine sees it: a wrong id kills the process (M03).

    Args:
        specs: Inputs of the graph.
        feeds: Arrays by input name, batch axis included.

    Raises:
        ContractViolation: A missing or unknown input, wrong type, rank, dimension or value, an empty axis,
            NaN or infinity, or two inputs that disagree about a named dimension. The message names the input.
    """
    wanted = {spec.name for spec in specs}
    missing, unknown = sorted(wanted - set(feeds)), sorted(set(feeds) - wanted)
    if missing or unknown:
        told = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(
            unknown
        )
        raise ContractViolation(
            f"the inputs do not match the model ({'; '.join(told)})",
            hint="the model takes: " + ", ".join(spec.name for spec in specs),
        )
    named: dict[str, tuple[int, str]] = {}
    for spec in specs:
        _check_kind(spec, feeds[spec.name])
        _check_shape(spec, feeds[spec.name].shape, named)
        _check_values(spec, feeds[spec.name])


def _check_kind(spec: TensorSpec, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise ContractViolation(f"input '{spec.name}' is a {type(array).__name__}, not an array")
    is_text = array.dtype.kind in "US" or (
        array.dtype == object and all(isinstance(each, str | bytes) for each in array.flat)
    )
    if spec.dtype == "string" if is_text else array.dtype.name == spec.dtype:
        return
    raise ContractViolation(
        f"input '{spec.name}' is {'text' if is_text else array.dtype.name}, and the model takes {spec.dtype}",
        hint=f"end the preprocessing with: cast: {{dtype: {spec.dtype}}}",
    )


def _check_shape(spec: TensorSpec, shape: tuple[int, ...], named: dict[str, tuple[int, str]]) -> None:
    told = f"input '{spec.name}' has shape {list(shape)}, and the model takes {list(spec.shape)}"
    if len(shape) != len(spec.shape):
        raise ContractViolation(f"{told}: {len(shape)} axes instead of {len(spec.shape)}")
    for axis, (size, wanted) in enumerate(zip(shape, spec.shape, strict=True)):
        if size == 0 and wanted != 0:
            what = "the batch is empty" if axis == 0 else f"axis {axis} is empty"
            raise ContractViolation(f"{told}: {what}", hint="give a sample that is not empty")
        if isinstance(wanted, int) and size != wanted:
            raise ContractViolation(f"{told}: axis {axis} is {size} instead of {wanted}")
        if isinstance(wanted, str):
            known, where = named.setdefault(wanted, (size, f"'{spec.name}' axis {axis}"))
            if known != size:
                raise ContractViolation(f"{told}: '{wanted}' is {size} here and {known} in {where}")


def _check_values(spec: TensorSpec, array: Array) -> None:
    if not array.size or array.dtype.kind not in "biuf":
        return
    # As Python numbers: in float16 a comparison with a large bound would overflow.
    smallest, largest = array.min().item(), array.max().item()
    if math.isnan(smallest):  # NaN is the minimum as soon as one value is NaN
        raise ContractViolation(f"input '{spec.name}' holds NaN")
    # Engines disagree on infinity. Only below may it be meant: attention masks are minus infinity.
    if array.dtype.kind == "f" and np.isposinf(largest) and spec.high != np.inf:
        raise ContractViolation(f"input '{spec.name}' holds infinity")
    if spec.low is not None and smallest < spec.low:
        raise ContractViolation(
            f"input '{spec.name}' holds {smallest}, and the smallest allowed is {spec.low:g}"
        )
    if spec.high is not None and largest > spec.high:
        raise ContractViolation(
            f"input '{spec.name}' holds {largest}, and the largest allowed is {spec.high:g}"
        )


def join(feeds: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Feeds as one batch, in their order; a single one keeps its arrays, which are not copied.

    Args:
        feeds: At least one; equal names, and equal shapes but for the batch axis, which may be longer than 1.
    """
    if len(feeds) == 1:
        return dict(feeds[0])
    return {name: np.concatenate([each[name] for each in feeds]) for name in feeds[0]}


def split(outputs: Sequence[Array], rows: Sequence[int]) -> list[list[Array]] | None:
    """Takes the outputs of a joined batch apart again, as views.

    Args:
        outputs: In the graph's order, batch axis first.
        rows: For each feed that was joined, its rows.

    Returns:
        For each feed its rows of every output. None when an output does not have as many rows as went in:
        then nobody knows whose they are, and each feed has to be asked alone. What a single feed was answered
        is its own, whatever the shape.
    """
    if len(rows) == 1:
        return [list(outputs)]
    total = sum(rows)
    if any(each.shape[:1] != (total,) for each in outputs):
        return None
    parts, start = [], 0
    for count in rows:
        parts.append([each[start : start + count] for each in outputs])
        start += count
    return parts


def digest(feeds: Mapping[str, Array]) -> bytes:
    """16 bytes that feeds are known by when they come again: equal for equal names, types, shapes and values.

    Text is known by what it says: an array of objects holds addresses, which another array of the same words
    does not share.
    """
    told = hashlib.blake2b(digest_size=16)
    for name in sorted(feeds):
        array = np.ascontiguousarray(feeds[name])
        told.update(f"{name} {array.dtype.str} {array.shape}".encode())
        told.update(array.tobytes() if array.dtype.kind != "O" else repr(array.tolist()).encode())
    return told.digest()


@dataclass(frozen=True)
class Batch:
    """Samples that go through the engine together.

    Attributes:
        feeds: Arrays by input name, joined along the batch axis.
        order: For each row, the place of its sample in what was given to `collate`.
    """

    feeds: dict[str, Array]
    order: tuple[int, ...]


def collate(prepared: Sequence[Mapping[str, Array]], *, limit: int = 32) -> list[Batch]:
    """Joins samples of equal shapes into batches; none is padded to fit another, so answers do not change.

    Args:
        prepared: Feeds with a batch axis of 1, one mapping a sample (`Contract.prepare`).
        limit: Most samples in one batch.

    Raises:
        ContractViolation: `limit` is under 1, or a feed has no batch axis.
    """
    if limit < 1:
        raise ContractViolation(f"a batch holds 1 sample or more, not {limit}")
    groups: dict[Any, list[int]] = {}
    for place, feeds in enumerate(prepared):
        for name, array in feeds.items():
            if array.ndim == 0 or array.shape[0] != 1:
                raise ContractViolation(
                    f"input '{name}' of sample {place} has no batch axis of 1 to join along"
                )
        key = tuple((name, array.shape, array.dtype.str) for name, array in sorted(feeds.items()))
        groups.setdefault(key, []).append(place)
    batches = []
    for places in groups.values():
        for start in range(0, len(places), limit):
            order = tuple(places[start : start + limit])
            batches.append(Batch(join([prepared[place] for place in order]), order))
    return batches


def scatter(batches: Sequence[Batch], results: Sequence[Sequence[Any]]) -> list[Any]:
    """Brings what was computed row by row back into the order of the samples.

    Args:
        batches: As `collate` gave them.
        results: For each batch, one result a row.

    Raises:
        ContractViolation: A batch has another number of results than rows.
    """
    found: dict[int, Any] = {}
    for batch, rows in zip(batches, results, strict=True):
        if len(rows) != len(batch.order):
            raise ContractViolation(f"{len(rows)} results came back for a batch of {len(batch.order)}")
        found.update(zip(batch.order, rows, strict=True))
    return [found[place] for place in range(len(found))]
