"""Held-out sets in one `.npz`: arrays by input name, labels, slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.contract.arrays import listed_shapes, load_arrays
from seatrial.contract.contract import Contract
from seatrial.contract.sample import Array, Payload, Sample
from seatrial.errors import ContractViolation, UsageError

LABELS = ("label", "labels", "y")


def read_arrays(path: Path, contract: Contract | None, limit: int | None) -> list[Sample]:
    """One sample a row.

    Raises:
        UsageError: No archive of plain arrays, or arrays of different length.
        ContractViolation: The arrays are not the model's inputs.
    """
    arrays = load_arrays(path)
    label = next((arrays.pop(name) for name in LABELS if name in arrays), None)
    slices = {name[6:]: arrays.pop(name) for name in sorted(arrays) if name.startswith("slice_")}
    if not arrays:
        raise UsageError(f"'{path.name}' holds no input", hint="save arrays by input name, and 'label'")
    _check_inputs(arrays, contract, path.name)
    parts = {**arrays, **({} if label is None else {"label": label}), **slices}
    if any(array.ndim == 0 for array in parts.values()):
        raise UsageError(f"'{path.name}': an array without rows: " + listed_shapes(parts))
    if len({len(array) for array in parts.values()}) != 1:
        raise UsageError(f"'{path.name}': the arrays differ in their number of rows: " + listed_shapes(parts))
    rows = len(next(iter(arrays.values())))
    return [
        Sample(
            key=str(row),
            payload=_payload({name: array[row] for name, array in arrays.items()}),
            label=None if label is None else label[row],
            slices={name: str(array[row]) for name, array in slices.items()},
        )
        for row in range(rows if limit is None else min(rows, limit))
    ]


def _check_inputs(arrays: dict[str, Array], contract: Contract | None, name: str) -> None:
    if contract is None:
        return
    wanted = {spec.name for spec in contract.inputs}
    if set(arrays) != wanted and not (len(wanted) == len(arrays) == 1):
        raise ContractViolation(
            f"'{name}' holds {listed_shapes(arrays)}, and the model takes {', '.join(sorted(wanted))}",
            hint="name each array as the model's input",
        )
    if contract.preprocess.calls:
        return  # what the pipeline starts from need not look like what it ends with
    for spec in contract.inputs:
        array = arrays.get(spec.name, next(iter(arrays.values())))
        fixed = zip(array.shape[1:], spec.shape[1:], strict=False)
        if array.ndim != len(spec.shape) or any(
            isinstance(want, int) and size != want for size, want in fixed
        ):
            raise ContractViolation(
                f"'{name}': array '{spec.name}' has shape {list(array.shape)}, "
                f"and the model takes {list(spec.shape)}"
            )


def _payload(rows: dict[str, Array]) -> Payload:
    """One input comes bare, as pipelines take it; text comes as text."""
    if len(rows) > 1:
        return rows
    (only,) = rows.values()
    return str(only) if only.dtype.kind == "U" and only.ndim == 0 else np.asarray(only)
