"""Test cases that travel with a model: inputs, the outputs they must give, and how near those must be.

A folder `test_cases` beside the model:

    inputs.npz             arrays by input name, row i of each is case i; where cases have shapes of their
                           own, `NAME/i` for each case apart, batch axis included
    expected_outputs.npz   likewise, by output name
    tolerance.json         {"atol": 1e-5, "rtol": 1e-4, "batch": true,
                            "outputs": {"NAME": {...}}, "runtimes": {"openvino": {..., "outputs": {...}}}}

The arrays lie in the order of the model's inputs and outputs, because names of outputs change from format to
format. Whole numbers, texts and booleans must be equal; other numbers may differ by `atol + rtol *
|expected|`; NaN equals NaN. Equal cases give equal bytes.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation

FOLDER = "test_cases"
INPUTS, EXPECTED, TOLERANCE = "inputs.npz", "expected_outputs.npz", "tolerance.json"

_ZIP_BEGINS = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier time
_EACH = re.compile(r"(.+)/(\d+)")


class _Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    atol: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    rtol: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class _RuntimeBounds(_Bounds):
    outputs: Mapping[str, _Bounds] = Field(default_factory=dict)


class Tolerance(_Bounds):
    """How far an output may be from what was expected.

    Attributes:
        atol: Absolute; None: 1e-5.
        rtol: Relative to what was expected; None: 1e-4.
        batch: Whether cases of one shape may be asked in one call and give one row each.
        outputs: Of single outputs, by name.
        runtimes: Of single runtimes, by name, and of single outputs there; goes before `outputs`.
    """

    batch: bool = False
    outputs: Mapping[str, _Bounds] = Field(default_factory=dict)
    runtimes: Mapping[str, _RuntimeBounds] = Field(default_factory=dict)

    def of(self, output: str, runtime: str = "") -> tuple[float, float]:
        """`(atol, rtol)` for one output on one runtime."""
        there = self.runtimes.get(runtime)
        narrowest = there.outputs.get(output) if there is not None else None
        said = [narrowest, there, self.outputs.get(output), self]
        atol = next((each.atol for each in said if each is not None and each.atol is not None), 1e-5)
        rtol = next((each.rtol for each in said if each is not None and each.rtol is not None), 1e-4)
        return atol, rtol


@dataclass(frozen=True)
class Case:
    """One test case.

    Attributes:
        feeds: Arrays by input name, batch axis included.
        expected: Arrays by output name, likewise.
    """

    feeds: Mapping[str, Array]
    expected: Mapping[str, Array]


@dataclass(frozen=True)
class Cases:
    """What a model must answer.

    Attributes:
        cases: In order.
        tolerance: How nearly.
    """

    cases: tuple[Case, ...]
    tolerance: Tolerance = field(default_factory=Tolerance)

    def failure(self, index: int, outputs: Mapping[str, Array], runtime: str = "") -> str:
        """What is wrong with the outputs of one case; empty when nothing is.

        Args:
            index: Of the case.
            outputs: By output name, batch axis included.
            runtime: That gave them.
        """
        for name, expected in self.cases[index].expected.items():
            if name not in outputs:
                return f"case {index}: there is no output '{name}', only {', '.join(outputs)}"
            why = _difference(outputs[name], expected, *self.tolerance.of(name, runtime))
            if why:
                return f"case {index}: output '{name}' {why}"
        return ""


def read_cases(folder: Path) -> Cases:
    """Test cases from their folder.

    Raises:
        ContractViolation: They are damaged, incomplete or empty.
    """
    feeds, expected = _read(folder / INPUTS), _read(folder / EXPECTED)
    if not feeds or len(feeds) != len(expected):
        raise ContractViolation(f"{folder}: {len(feeds)} cases of inputs and {len(expected)} of outputs")
    pairs = tuple(Case(*pair) for pair in zip(feeds, expected, strict=True))
    return Cases(pairs, _tolerance(folder / TOLERANCE))


def write_cases(folder: Path, cases: Cases) -> None:
    """Writes test cases; what reads the folder at that time sees all of them or none.

    Raises:
        ContractViolation: The cases do not all have the same names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in case_files(cases).items():
        _write(folder / name, data)


def case_files(cases: Cases) -> dict[str, bytes]:
    """The files of test cases by name, in the order in which they are to be written.

    Raises:
        ContractViolation: The cases do not all have the same names.
    """
    bounds = cases.tolerance.model_dump_json(exclude_none=True, exclude_defaults=True, indent=1)
    # The inputs come last: without them there are no cases yet.
    return {
        TOLERANCE: bounds.encode() + b"\n",
        EXPECTED: _packed([each.expected for each in cases.cases]),
        INPUTS: _packed([each.feeds for each in cases.cases]),
    }


def _difference(got: Array, expected: Array, atol: float, rtol: float) -> str:
    if got.shape != expected.shape:
        return f"has the shape {list(got.shape)}, expected {list(expected.shape)}"
    if expected.dtype.kind != "f":
        wrong = got != expected
        if not np.any(wrong):
            return ""
        where = np.unravel_index(int(np.argmax(wrong)), expected.shape)
        return f"is {got[where]} at {_place(where)}, expected {expected[where]}"
    if got.dtype.kind not in "fiub":
        return f"is of type {got.dtype}, expected {expected.dtype}"
    left, right = got.astype(np.float64), expected.astype(np.float64)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        over = np.where(same, -np.inf, np.abs(left - right) - (atol + rtol * np.abs(right)))
    over = np.where(np.isnan(over) | (~same & np.isinf(right)), np.inf, over)
    if not np.any(over > 0):
        return ""
    where = np.unravel_index(int(np.argmax(over)), over.shape)
    return (
        f"differs by {abs(left[where] - right[where]):.3g} at {_place(where)}: {left[where]:.6g}, expected "
        f"{right[where]:.6g} (allowed: {atol:g} + {rtol:g} x expected)"
    )


def _place(where: Sequence[Any]) -> list[int]:
    return [int(each) for each in where]


def _tolerance(path: Path) -> Tolerance:
    if not path.exists():
        return Tolerance()
    try:
        return Tolerance.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ContractViolation(f"{path}: {error}", hint='such as {"atol": 1e-5, "rtol": 1e-4}') from error


def _read(path: Path) -> list[dict[str, Array]]:
    """Arrays by name for each case."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            named = {name: _texts(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ContractViolation(f"{path}: {error}", hint="write the test cases again") from error
    cases: dict[int, dict[str, Array]] = {}
    for name, array in named.items():
        apart = _EACH.fullmatch(name)
        if apart:
            cases.setdefault(int(apart[2]), {})[apart[1]] = array
            continue
        if not array.ndim:
            raise ContractViolation(f"{path}: '{name}' has no rows", hint="row i is case i")
        for index in range(len(array)):
            cases.setdefault(index, {})[name] = array[index : index + 1]
    names = set(cases.get(0, {}))
    if sorted(cases) != list(range(len(cases))) or any(set(each) != names for each in cases.values()):
        raise ContractViolation(f"{path}: not every case has {', '.join(sorted(names)) or 'arrays'}")
    return [cases[index] for index in range(len(cases))]


def _packed(rows: Sequence[Mapping[str, Array]]) -> bytes:
    names = list(rows[0]) if rows else []
    if any(set(each) != set(names) for each in rows):
        raise ContractViolation("the test cases do not all have the same names")
    arrays: dict[str, Array] = {}
    for name in names:
        column = [_plain(np.asarray(each[name])) for each in rows]
        if all(each.shape == (1, *column[0].shape[1:]) for each in column):
            arrays[name] = np.concatenate(column)
        else:
            arrays |= {f"{name}/{index}": each for index, each in enumerate(column)}
    return npz(arrays)


def npz(arrays: Mapping[str, Array]) -> bytes:
    """Arrays by name as an `.npz`, in their order; equal arrays give equal bytes on every machine.

    Numbers are written in little-endian and C order. `numpy.savez` would write the kind of machine into the
    archive.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _ZIP_BEGINS)
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, npy(array))
    return packed.getvalue()


def npy(array: Array) -> bytes:
    """An array as `.npy` of version 1.0, little-endian, C order; text as fixed-width text."""
    plain = np.asarray(_plain(array), order="C")
    little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    packed = io.BytesIO()
    np.lib.format.write_array(packed, little, version=(1, 0), allow_pickle=False)
    return packed.getvalue()


def _texts(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind == "U" else array  # as engines take and give them


def _plain(array: Array) -> Array:
    return array.astype(str) if array.dtype.kind == "O" else array  # objects would have to be pickled


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)
