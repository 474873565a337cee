"""Held-out sets as tables: a text or an image, a label, and further columns as slices."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatrial.contract._held_out_files import image_at, lines_of, text_of
from seatrial.contract.sample import Payload, Sample
from seatrial.errors import ContractViolation, UsageError

TEXTS = ("text", "sentence", "content")
FILES = ("image", "file", "filename", "path")
LABELS = ("label", "labels", "y", "class")


def read_table(path: Path, limit: int | None) -> list[Sample]:
    """One sample a row of `.csv`, `.tsv` or `.jsonl`, with column names in the first line or as keys.

    Raises:
        UsageError: No column to start from, or none with the label.
        ContractViolation: A row that cannot be read.
    """
    samples: list[Sample] = []
    for number, row in _rows(path):
        if limit is not None and len(samples) >= limit:
            break
        where = f"'{path.name}' line {number}"
        payload, used = _payload(path, row, where)
        label = next((name for name in LABELS if name in row), None)
        if label is None:
            raise UsageError(
                f"{where} has no column with the label; it has {', '.join(row)}",
                hint="call the column 'label'",
            )
        slices = {
            name.removeprefix("slice_"): str(value)
            for name, value in row.items()
            if name not in (used, label) and isinstance(value, str | int | float | bool)
        }
        samples.append(Sample(str(row.get("id", number)), payload, row[label], slices))
    return samples


def _payload(path: Path, row: dict[str, Any], where: str) -> tuple[Payload, str]:
    for name in (*TEXTS, *FILES):
        if name in row:
            if not isinstance(row[name], str):
                raise ContractViolation(f"{where}: '{name}' is {row[name]!r}, not text")
            return (row[name] if name in TEXTS else image_at(path.parent, row[name], where)), name
    raise UsageError(
        f"{where} has nothing to infer on; it has {', '.join(row)}",
        hint=f"call the column 'text' or 'image' (also: {', '.join((*TEXTS[1:], *FILES[1:]))})",
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix == ".jsonl":
        yield from _json_rows(path)
        return
    reader = csv.DictReader(
        io.StringIO(text_of(path), newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True
    )
    try:
        for row in reader:
            if None in row or None in row.values():
                raise ContractViolation(
                    f"'{path.name}' line {reader.line_num} has {_cells(row)} cells instead of "
                    f"{len(reader.fieldnames or ())}",
                    hint="put quotes around cells that hold a comma",
                )
            yield reader.line_num, dict(row)
    except csv.Error as error:
        raise ContractViolation(f"'{path.name}' line {reader.line_num}: {error}") from error


def _cells(row: dict[Any, Any]) -> int:
    return sum(1 for key, value in row.items() if key is not None and value is not None) + len(
        row.get(None) or ()
    )


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines_of(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ContractViolation(f"'{path.name}' line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise ContractViolation(f"'{path.name}' line {number} is no JSON object")
        yield number, row
