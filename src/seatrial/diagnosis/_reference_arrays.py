"""A reference in one `.npz`: outputs, preprocessed inputs or answers of the training side, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Contract, Sample, TensorSpec
from seatrial.contract.arrays import listed_shapes, load_arrays
from seatrial.contract.sample import Array
from seatrial.diagnosis._reference_rows import Rows, rows_of
from seatrial.diagnosis.reference import Reference
from seatrial.errors import UsageError

_KEYS = ("key", "keys")
_ANSWERS = ("answer", "answers", "prediction", "predictions")
_LABELS = ("label", "labels", "y")


def from_arrays(
    path: Path, samples: Sequence[Sample], contract: Contract, *, rows: Rows | None = None
) -> Reference:
    """Reads arrays by output name, input name, `answer` or `label`; rows in order, or by `key`.

    Raises:
        UsageError: No archive of plain arrays, or arrays that fit neither samples nor contract.
    """
    try:
        arrays = load_arrays(path)
    except OSError as error:
        raise UsageError(f"'{path.name}' cannot be read: {error.strerror or error}") from error
    keys = _taken(arrays, _KEYS)
    answers, labels = _taken(arrays, _ANSWERS), _taken(arrays, _LABELS)
    wanted = {spec.name: spec for spec in contract.inputs}
    fed = {name: arrays.pop(name) for name in list(arrays) if name in wanted}
    given = _outputs(arrays, contract, path.name)
    if answers is None and not given:
        answers = labels  # beside numbers, labels are the truth, which the training side may have missed
    if answers is None and not given and not fed:
        raise UsageError(
            f"'{path.name}' holds nothing to compare with: {listed_shapes({**arrays, **fed}) or 'no arrays'}",
            hint=_expected(contract),
        )
    parts = [*given, *fed.values(), *([] if answers is None else [answers])]
    count = _count(parts, path.name)
    names = None if keys is None else [str(each) for each in _column(keys, count, "key", path.name)]
    found = rows_of(samples, count, keys=names, rows=rows, where=path.name)
    specs = list(contract.outputs)
    outputs = [_batched(each, spec, path.name) for each, spec in zip(given, specs, strict=bool(given))]
    feeds = {name: _batched(each, wanted[name], path.name) for name, each in fed.items()}
    if feeds and set(feeds) != set(wanted):
        raise UsageError(
            f"'{path.name}' holds the inputs {', '.join(feeds)}, and the model takes {', '.join(wanted)}",
            hint="give every input's preprocessed tensors, or none",
        )
    told = [
        ("outputs", bool(outputs)),
        ("preprocessed inputs", bool(feeds)),
        ("answers", answers is not None),
    ]
    missing = sum(row is None for row in found)
    return Reference(
        source=f"{path.name}: {', '.join(name for name, there in told if there)} of the training side"
        + (f" for {len(found) - missing} of {len(found)} samples" if missing else ""),
        feeds=_by_row(found, lambda row: {name: each[row : row + 1] for name, each in feeds.items()})
        if feeds
        else None,
        outputs=_by_row(found, lambda row: tuple(each[row : row + 1] for each in outputs))
        if outputs
        else None,
        answers=None if answers is None else _by_row(found, lambda row: _plain(answers[row])),
    )


def _by_row(rows: Sequence[int | None], made: Any) -> tuple[Any, ...]:
    return tuple(None if row is None else made(row) for row in rows)


def _taken(arrays: dict[str, Array], names: Sequence[str]) -> Array | None:
    return next((arrays.pop(name) for name in names if name in arrays), None)


def _outputs(arrays: Mapping[str, Array], contract: Contract, where: str) -> list[Array]:
    """Arrays in the order of the contract's outputs: by name, else as they come."""
    if not arrays:
        return []
    names = [spec.name for spec in contract.outputs]
    if all(name in arrays for name in names):
        return [arrays[name] for name in names]
    if len(arrays) == len(names):
        return list(arrays.values())
    raise UsageError(
        f"'{where}' holds {listed_shapes(arrays)}, and the model gives {len(names)} outputs: "
        + ", ".join(names),
        hint=_expected(contract),
    )


def _count(parts: Sequence[Array], where: str) -> int:
    if any(each.ndim == 0 for each in parts):
        raise UsageError(f"'{where}' holds an array without rows", hint="one row a sample")
    counts = sorted({len(each) for each in parts})
    if len(counts) != 1:
        raise UsageError(
            f"'{where}': the arrays differ in their number of rows: {', '.join(map(str, counts))}",
            hint="one row a sample in each",
        )
    return counts[0]


def _column(array: Array, count: int, name: str, where: str) -> Array:
    if array.shape != (count,):
        raise UsageError(f"'{where}': '{name}' has shape {list(array.shape)}, expected [{count}]")
    return array


def _batched(array: Array, spec: TensorSpec, where: str) -> Array:
    """Rows as the model has them, checked against the contract.

    Raises:
        UsageError: Another number of axes, or a fixed dimension that differs.
    """
    shape = spec.shape
    fits = array.ndim == len(shape) and all(
        not isinstance(want, int) or size == want
        for size, want in zip(array.shape[1:], shape[1:], strict=True)
    )
    if not fits or array.dtype.kind not in "biufUS":
        raise UsageError(
            f"'{where}': the array for '{spec.name}' is {array.dtype} {list(array.shape)}, and the contract "
            f"says {spec.dtype} {list(shape)}",
            hint="one row a sample, then the tensor's own axes; samples of different sizes need .jsonl or "
            "the earlier release itself",
        )
    return array


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _expected(contract: Contract) -> str:
    outputs = ", ".join(spec.name for spec in contract.outputs)
    inputs = ", ".join(spec.name for spec in contract.inputs)
    return (
        f"name arrays as the outputs ({outputs}), as the inputs for preprocessed tensors ({inputs}), "
        "or 'answer'; 'key' names the samples when rows are not in their order"
    )
