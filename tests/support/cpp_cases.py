"""Steps on chosen values, run through Python's steps and through the compiled ones."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Context, Pipeline, StepCall
from seatrial.deliverables._sdk_cpp import emit, sources, unicode_tables
from seatrial.errors import SeatrialError
from support import cpp_builds

DRIVER = Path(__file__).with_name("cpp_driver.cpp")


@dataclass(frozen=True)
class StepCase:
    """One or more steps on one value.

    Attributes:
        name: For the test's id.
        calls: Each a step's name and options.
        value: What the first one is given.
        labels: Of the contract.
        vocabulary: Of the contract.
        geometry: `source_size`, `scale`, `offset` that earlier steps noted.
        atol: How far numbers may be apart; 0 compares bits.
        rare: Share of numbers that may be further apart than `atol`.
    """

    name: str
    calls: Sequence[tuple[str, Mapping[str, Any]]]
    value: Any
    labels: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    geometry: Mapping[str, Any] = field(default_factory=dict)
    atol: float = 0.0
    rare: float = 0.0

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(tuple(StepCall(name, options) for name, options in self.calls))

    def expected(self) -> dict[str, Any]:
        """What Python gives: `value` and `notes`, or `error`."""
        context = Context(labels=self.labels, vocabulary=self.vocabulary, notes=dict(self.geometry))
        try:
            return {"value": self.pipeline.run(self.value, context), "notes": context.notes}
        except SeatrialError as error:
            return {"error": error.message}


def build_driver(cases: Sequence[StepCase], folder: Path) -> Path:
    """A program that runs all of these cases."""
    cpp_builds.needs("g++")
    used = sorted({name for case in cases for name, _ in case.calls})
    library = sources.library_files(used)
    (folder / "cases.cpp").write_text(_cases_source(cases, used))
    (folder / "unicode_tables.cpp").write_text(unicode_tables.tables_source())
    flags, libraries = cpp_builds.jpeg_flags()
    files = [sources.LIBRARY / each for each in library if each.endswith(".cpp")]
    files += [folder / "cases.cpp", folder / "unicode_tables.cpp", DRIVER]
    objects = cpp_builds.compile_all(files, folder / "driver", [*flags, "-O1", "-I", str(sources.LIBRARY)])
    return cpp_builds.link(objects, folder / "driver", libraries)


def run_driver(program: Path, cases: Sequence[StepCase], folder: Path) -> list[dict[str, Any]]:
    """What C++ gives for each case: `value` and `notes`, or `error`."""
    for number, case in enumerate(cases):
        read = {
            "labels": list(case.labels),
            "vocabulary": list(case.vocabulary),
            **case.geometry,
            "value": _saved(case.value, folder, f"{number}.in"),
        }
        (folder / f"{number}.json").write_text(json.dumps(read), "utf-8")
    subprocess.run([str(program), str(folder)], check=True, timeout=120)
    results = []
    for number in range(len(cases)):
        result = json.loads((folder / f"{number}.result.json").read_text("utf-8"))
        results.append(_loaded(result, folder))
    return results


def difference(got: Any, expected: Any, *, atol: float, rare: float = 0.0, where: str = "value") -> str:
    """What differs; empty when nothing does."""
    if isinstance(expected, tuple):
        expected = list(expected)
    if isinstance(expected, np.generic):
        expected = np.asarray(expected)
    if isinstance(expected, list) and isinstance(got, np.ndarray):
        got = got.tolist()  # both are the same in JSON
    if isinstance(expected, np.ndarray):
        return _array_difference(got, expected, atol=atol, rare=rare, where=where)
    if isinstance(expected, dict) and isinstance(got, dict):
        if set(got) != set(expected):
            return f"{where} has {sorted(got)}, expected {sorted(expected)}"
        pairs = [(f"{where}.{key}", got[key], expected[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(got, list):
        if len(got) != len(expected):
            return f"{where} has {len(got)} entries, expected {len(expected)}"
        pairs = [(f"{where}[{place}]", *pair) for place, pair in enumerate(zip(got, expected, strict=True))]
    else:
        near = (
            isinstance(expected, int | float) and isinstance(got, int | float) and abs(got - expected) <= atol
        )
        return "" if got == expected or near else f"{where} is {got!r}, expected {expected!r}"
    told = (difference(left, right, atol=atol, rare=rare, where=name) for name, left, right in pairs)
    return next((each for each in told if each), "")


def _array_difference(got: Any, expected: np.ndarray, *, atol: float, rare: float, where: str) -> str:
    if isinstance(got, list):  # an answer's array is a nested list in JSON
        got = np.array(got, expected.dtype)
    if not isinstance(got, np.ndarray) or got.dtype != expected.dtype or got.shape != expected.shape:
        told = f"{got.dtype} {got.shape}" if isinstance(got, np.ndarray) else repr(got)
        return f"{where} is {told}, expected {expected.dtype} {expected.shape}"
    left, right = got.astype(np.float64), expected.astype(np.float64)
    far = ~((left == right) | (np.isnan(left) & np.isnan(right)) | (np.abs(left - right) <= atol))
    if far.mean() <= rare if far.size else True:
        return ""
    at = np.unravel_index(int(np.argmax(np.where(far, np.abs(left - right), -1))), far.shape)
    return f"{where}: {far.mean():.2%} differ; {left[at]!r} at {[int(i) for i in at]}, expected {right[at]!r}"


def _saved(value: Any, folder: Path, stem: str) -> Any:
    if isinstance(value, np.ndarray):
        (folder / f"{stem}.npy").write_bytes(_npy(value))
        return {"$npy": f"{stem}.npy"}
    if isinstance(value, bytes):
        (folder / f"{stem}.bin").write_bytes(value)
        return {"$bytes": f"{stem}.bin"}
    if isinstance(value, Mapping):
        return {
            key: _saved(each, folder, f"{stem}.{place}") for place, (key, each) in enumerate(value.items())
        }
    if isinstance(value, list | tuple):
        return [_saved(each, folder, f"{stem}.{place}") for place, each in enumerate(value)]
    return value


def _loaded(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        if "$npy" in value:
            return np.load(folder / value["$npy"], allow_pickle=False)
        return {key: _loaded(each, folder) for key, each in value.items()}
    return [_loaded(each, folder) for each in value] if isinstance(value, list) else value


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return out.getvalue()


def _cases_source(cases: Sequence[StepCase], used: Sequence[str]) -> str:
    includes = "\n".join(f'#include "steps/{each}.hpp"' for each in used)
    bodies = []
    for number, case in enumerate(cases):
        blocks = "".join(
            f"    {{\n        steps::{emit.options_name(call.name)} options;\n{emit.options_source(call)}"
            f'        value = run_step({place}, "{call.name}", steps::{call.name}, value, context, '
            "options);\n    }\n"
            for place, call in enumerate(case.pipeline.calls, start=1)
        )
        bodies.append(
            f"static Value case_{number}(Value value, Context& context) {{\n{blocks}    return value;\n}}\n"
        )
    table = ", ".join(f"case_{number}" for number in range(len(cases)))
    return (
        f'#include "pipeline.hpp"\n{includes}\nusing namespace seatrial;\n'
        + "".join(bodies)
        + f"extern const int kCaseCount = {len(cases)};\n"
        f"static Value (*const kCases[])(Value, Context&) = {{{table}}};\n"
        "Value run_case(int number, Value value, Context& context) "
        "{ return kCases[number](std::move(value), context); }\n"
    )
