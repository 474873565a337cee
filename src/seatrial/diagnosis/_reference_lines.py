"""A reference in `.jsonl`: one answer of the training side a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Contract, Sample
from seatrial.contract.sample import Array
from seatrial.diagnosis._reference_rows import Rows, rows_of
from seatrial.diagnosis.reference import Reference
from seatrial.errors import UsageError

_LARGEST = 1 << 30
_KEYS = ("key", "input", "file")  # `input`: what `seatrial infer` prints
_ANSWERS = ("answer", "prediction", "label")
_OUTPUTS = "outputs"


def from_lines(
    path: Path, samples: Sequence[Sample], contract: Contract, *, rows: Rows | None = None
) -> Reference:
    """Reads one JSON value a line: the answer itself, or an object with `answer`, `outputs` and `key`.

    Raises:
        UsageError: A line is no JSON, or the lines do not fit the samples or the contract.
    """
    entries = _entries(path)
    keyed = [key for key, _, _ in entries if key is not None]
    if keyed and len(keyed) != len(entries):
        raise UsageError(
            f"'{path.name}': {len(keyed)} of {len(entries)} lines have a key",
            hint="give all of them one, or none",
        )
    found = rows_of(samples, len(entries), keys=keyed or None, rows=rows, where=path.name)
    answers = tuple(None if row is None else entries[row][1] for row in found)
    outputs = tuple(
        None if row is None else _tensors(entries[row][2], contract, f"{path.name} line {row + 1}")
        for row in found
    )
    if all(each is None for each in (*answers, *outputs)):
        raise UsageError(f"'{path.name}' has no answer for any sample", hint='such as {"answer": "cat"}')
    missing = sum(row is None for row in found)
    return Reference(
        source=f"{path.name}: answers of the training side"
        + (f" for {len(found) - missing} of {len(found)} samples" if missing else ""),
        answers=answers if any(each is not None for each in answers) else None,
        outputs=outputs if any(each is not None for each in outputs) else None,
    )


def _entries(path: Path) -> list[tuple[str | None, Any, Any]]:
    """Key, answer and outputs of each line."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"'{path.name}' is larger than {_LARGEST >> 20} MiB")
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"'{path.name}' cannot be read: {error}") from error
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(_entry(json.loads(line)))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"'{path.name}' line {number} is no JSON: {error}") from error
    if not entries:
        raise UsageError(f"'{path.name}' is empty", hint="one answer a line")
    return entries


def _entry(value: Any) -> tuple[str | None, Any, Any]:
    if not isinstance(value, Mapping):
        return None, value, None
    rest = dict(value)
    key = next((str(rest.pop(name)) for name in _KEYS if name in rest), None)
    outputs = rest.pop(_OUTPUTS, None)
    named = next((name for name in _ANSWERS if name in rest), None)
    if named is not None:
        return key, rest[named], outputs
    # What is left is the answer itself: {"class": "cat", "confidence": 0.9}; a failure has none.
    return key, None if "error" in rest or not rest else rest, outputs


def _tensors(value: Any, contract: Contract, where: str) -> tuple[Array, ...] | None:
    """Outputs by name or in order, with a batch axis of 1."""
    if value is None:
        return None
    specs = contract.outputs
    listed: Any = value
    if isinstance(value, Mapping):
        listed = [value.get(spec.name) for spec in specs]
    elif not isinstance(value, list) or len(value) != len(specs):
        listed = [value] if len(specs) == 1 else [None]
    if any(each is None for each in listed):
        names = ", ".join(spec.name for spec in specs)
        raise UsageError(f"'{where}': 'outputs' must hold {names}, by name or in order")
    arrays = []
    for each, spec in zip(listed, specs, strict=True):
        try:
            array = np.asarray(each, dtype="float64" if spec.dtype == "bfloat16" else spec.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise UsageError(f"'{where}': output '{spec.name}' is no tensor: {error}") from error
        array = array[None] if array.ndim == len(spec.shape) - 1 else array
        if array.ndim != len(spec.shape):
            raise UsageError(
                f"'{where}': output '{spec.name}' has shape {list(array.shape)}, and the contract says "
                f"{list(spec.shape)}"
            )
        arrays.append(array)
    return tuple(arrays)
