"""Steps of the Java SDK beside those of the contract: many cases through one start of Java."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import extensions
from seatrial.contract import Context
from seatrial.errors import ContractViolation

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "seatrial" / "deliverables" / "_sdk_java"
DRIVERS = ROOT / "tests" / "deliverables" / "java"


@dataclass(frozen=True)
class StepCase:
    """One value for one step."""

    step: str
    value: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of it: a value and notes, or a refusal."""

    value: Any = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""
    broken: str = ""


def compiled(folder: Path, *sources: Path) -> Path:
    """Class files of Java sources, with all warnings told."""
    command = ["javac", "-encoding", "UTF-8", "-Xlint:all", "-d", str(folder), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    return folder


def step_classes(folder: Path) -> Path:
    """All steps and the driver."""
    files = [*sorted((SOURCES / "core").glob("*.java")), *sorted((SOURCES / "steps").glob("*.java"))]
    return compiled(folder, *files, DRIVERS / "StepDriver.java")


def in_python(case: StepCase) -> Outcome:
    context = Context(labels=case.labels, vocabulary=case.vocabulary, notes=dict(case.notes))
    step = extensions.get("seatrial.contract.steps", "STEP", case.step)
    try:
        value = step.apply(case.value, context, **case.options)
    except ContractViolation as error:
        return Outcome(refused=error.message)
    return Outcome(value, context.notes)


def in_java(classes: Path, folder: Path, cases: Sequence[StepCase]) -> list[Outcome]:
    folder.mkdir(parents=True, exist_ok=True)
    count = [0]

    def told(value: Any) -> Any:
        if isinstance(value, np.ndarray | bytes):
            name = f"in{count[0]}.npy"
            count[0] += 1
            if isinstance(value, bytes):
                (folder / name).write_bytes(value)
                return {"bytes": name}
            np.save(folder / name, value)
            return {"npy": name}
        if isinstance(value, Mapping):
            return {"map": {name: told(each) for name, each in value.items()}}
        if isinstance(value, list | tuple):
            return [told(each) for each in value]
        return value

    written = []
    for case in cases:
        step = extensions.get("seatrial.contract.steps", "STEP", case.step)
        filled = step.model(**case.options)
        written.append(
            {
                "step": case.step,
                "value": told(case.value),
                "options": {name: getattr(filled, name) for name in step.options},
                "labels": list(case.labels),
                "vocabulary": list(case.vocabulary),
                "notes": {name: told(each) for name, each in case.notes.items()},
            }
        )
    (folder / "cases.json").write_text(json.dumps(written, ensure_ascii=True))
    command = ["java", "-Djava.awt.headless=true", "-cp", str(classes), "StepDriver", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    def read(value: Any) -> Any:
        if isinstance(value, dict) and "npy" in value:
            return np.load(folder / value["npy"])
        if isinstance(value, dict) and "texts" in value:
            return np.array(value["texts"])
        if isinstance(value, dict) and "map" in value:
            return {name: read(each) for name, each in value["map"].items()}
        return [read(each) for each in value] if isinstance(value, list) else value

    outcomes = []
    for each in json.loads((folder / "results.json").read_text(encoding="utf-8")):
        notes = {name: read(noted) for name, noted in each.get("notes", {}).items()}
        outcomes.append(
            Outcome(read(each.get("value")), notes, each.get("refused", ""), each.get("broken", ""))
        )
    return outcomes


def difference(got: Any, expected: Any, *, atol: float = 0.0, rtol: float = 0.0) -> str:
    """Where two values differ; empty when they are equal."""
    if isinstance(expected, np.ndarray):
        return _array_difference(got, expected, atol, rtol)
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or list(got) != list(expected):
            return f"{got!r} instead of {expected!r}"
        told = {name: difference(got[name], expected[name], atol=atol, rtol=rtol) for name in expected}
        return "; ".join(f"{name}: {each}" for name, each in told.items() if each)
    if isinstance(expected, list | tuple):
        if not isinstance(got, list) or len(got) != len(expected):
            return f"{got!r} instead of {expected!r}"[:300]
        pairs = [difference(*each, atol=atol, rtol=rtol) for each in zip(got, expected, strict=True)]
        return "; ".join(f"[{place}] {each}" for place, each in enumerate(pairs) if each)[:500]
    if isinstance(expected, float) and isinstance(got, float | int) and not isinstance(got, bool):
        equal = bool(np.isclose(got, expected, atol=atol, rtol=rtol, equal_nan=True))
        return "" if equal else f"{got!r} instead of {expected!r}"
    return "" if got == expected and type(got) is type(expected) else f"{got!r} instead of {expected!r}"


def _array_difference(got: Any, expected: np.ndarray, atol: float, rtol: float) -> str:
    text = expected.dtype.kind in "UO"
    if (
        not isinstance(got, np.ndarray)
        or got.shape != expected.shape
        or not (text or got.dtype == expected.dtype)
    ):
        return f"{got!r} instead of {expected.dtype} {list(expected.shape)}"[:300]
    if text:
        return "" if (got == expected).all() else f"{got!r} instead of {expected!r}"
    wrong = ~np.isclose(
        got.astype(np.float64), expected.astype(np.float64), atol=atol, rtol=rtol, equal_nan=True
    )
    if not wrong.any():
        return ""
    gap = np.abs(got.astype(np.float64) - expected.astype(np.float64))[wrong].max()
    return f"{int(wrong.sum())} of {wrong.size} values differ, at most by {gap}"
