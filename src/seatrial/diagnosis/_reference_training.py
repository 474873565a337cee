"""A reference that is the training-side model itself, asked in a process of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Batch, Context, Contract, Sample, collate
from seatrial.contract.sample import Array
from seatrial.diagnosis.reference import Reference
from seatrial.errors import EngineFailure, NotFound, SeatrialError, UsageError
from seatrial.runtimes import inherited_environment, plain_words, run_logged, tail_of

_MEMORY = 16 << 30
_BATCH = 16
_ENVIRONMENT = {
    "PYTHONNOUSERSITE": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GLOG_minloglevel": "2",
    "OMP_NUM_THREADS": "1",
}
_SUFFIXES = {".pdparams": "paddle", ".pt": "torch", ".pth": "torch"}


def from_training(
    source: Path,
    name: str,
    samples: Sequence[Sample],
    *,
    contract: Contract,
    own_contract: bool,
    weights: Path | None,
    python: str,
    timeout: float,
) -> Reference:
    """Feeds the training-side model with a contract's tensors and keeps what it gave.

    Args:
        source: The user's Python file.
        name: The class or function in it.
        samples: What both sides are asked.
        contract: Prepares the samples.
        own_contract: It is the training side's own; else the deployed one stands in for it, and what happens
            before and after the model cannot be compared.
        weights: `.pdparams`, `.pt` or `.pth`, or None for a model that brings its own.
        python: Interpreter with the framework; empty for this one.
        timeout: Seconds.

    Raises:
        NotFound: A file is missing.
        UsageError: Class, weights and inputs do not fit together; the message says how.
        EngineFailure: The process died or hung.
    """
    for file, what in ((source, "file"), (weights, "weights")):
        if file is not None and not file.is_file():
            raise NotFound(
                f"there is no {what} '{file}'", hint="the training side is FILE.py:CLASS --weights FILE"
            )
    if weights is not None and weights.suffix not in _SUFFIXES:
        raise UsageError(
            f"weights of the kind '{weights.suffix}' are not read", hint="give .pdparams, .pt or .pth"
        )
    prepared = _prepared(samples, contract)
    places = [place for place, each in enumerate(prepared) if each is not None]
    feeds = [each[0] for each in prepared if each is not None]
    batches = collate(feeds, limit=_BATCH)
    with tempfile.TemporaryDirectory(prefix="seatrial-reference-") as scratch:
        told, results = _asked(
            Path(scratch),
            batches,
            {
                "source": str(source.resolve()),
                "name": name,
                "weights": str(weights.resolve()) if weights else "",
            },
            inputs=[spec.name for spec in contract.inputs],
            python=python,
            timeout=timeout,
        )
    outputs: list[tuple[Array, ...] | None] = [None] * len(samples)
    for batch, arrays in zip(batches, results, strict=True):
        _check(arrays, batch, contract, name)
        for row, at in enumerate(batch.order):
            outputs[places[at]] = tuple(each[row : row + 1] for each in arrays)
    outputs, shaped = _as_exported(outputs, contract)
    engine = f"{told['framework']} {told['version']}".strip()
    notes = [f"run with {engine}" if engine else "a plain function", *told["notes"], *shaped]
    if not own_contract:
        notes.append("fed with the deployed contract's tensors: only the model itself is compared")
    return Reference(
        source=f"the training-side model {source.name}:{name} ({'; '.join(notes)})",
        feeds=tuple(None if each is None else each[0] for each in prepared),
        outputs=tuple(outputs),
        answers=_answers(outputs, prepared, contract) if own_contract else None,
        contract=contract if own_contract else None,
    )


def _prepared(samples: Sequence[Sample], contract: Contract) -> list[tuple[dict[str, Array], Context] | None]:
    found: list[tuple[dict[str, Array], Context] | None] = []
    reason = ""
    for each in samples:
        try:
            found.append(contract.prepare(each.payload))
        except SeatrialError as error:
            reason = reason or f"'{each.key}': {error.message}"
            found.append(None)
    if not any(found):
        raise UsageError(
            f"no sample can be prepared for the training-side model; {reason}",
            hint="give the training side's own contract with --reference-contract",
        )
    return found


def _answers(
    outputs: Sequence[tuple[Array, ...] | None],
    prepared: Sequence[tuple[dict[str, Array], Context] | None],
    contract: Contract,
) -> tuple[Any, ...]:
    answers = []
    for mine, each in zip(outputs, prepared, strict=True):
        try:
            answers.append(None if mine is None or each is None else contract.answer(list(mine), 0, each[1]))
        except SeatrialError:
            answers.append(None)
    return tuple(answers)


def _check(arrays: Sequence[Array], batch: Batch, contract: Contract, name: str) -> None:
    wanted = len(contract.outputs)
    if len(arrays) != wanted:
        raise UsageError(
            f"{name} gives {len(arrays)} tensors, and the deployed model {wanted}",
            hint="name a function in the file that gives what the exported model gives",
        )
    for array, spec in zip(arrays, contract.outputs, strict=True):
        if array.ndim != len(spec.shape) or len(array) != len(batch.order):
            raise UsageError(
                f"{name} gives {list(array.shape)} for '{spec.name}' from {len(batch.order)} samples, and "
                f"the contract says {list(spec.shape)}"
            )


def _as_exported(
    outputs: list[tuple[Array, ...] | None], contract: Contract
) -> tuple[list[tuple[Array, ...] | None], list[str]]:
    """Logits become probabilities where the deployed model gives those: most exports add softmax."""
    spec = contract.outputs[0]
    given = [each[0] for each in outputs if each is not None]
    probabilities = (
        len(contract.outputs) == 1 and spec.low == 0 and spec.high is not None and spec.high < 1.01
    )
    if not probabilities or not given or len(spec.shape) != 2:
        return outputs, []
    if all(each.min() >= 0 and each.max() <= spec.high for each in given):
        return outputs, []
    return [None if each is None else (_softmax(each[0]),) for each in outputs], [
        "softmax added, because the contract's output lies between 0 and 1"
    ]


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits.astype("float64") - logits.max(axis=-1, keepdims=True))
    shares: Array = (powers / powers.sum(axis=-1, keepdims=True)).astype(logits.dtype)
    return shares


def _asked(
    scratch: Path,
    batches: Sequence[Batch],
    request: Mapping[str, Any],
    *,
    inputs: Sequence[str],
    python: str,
    timeout: float,
) -> tuple[dict[str, Any], list[list[Array]]]:
    """The child's answer and its outputs, batch by batch."""
    pairs = []
    for place, batch in enumerate(batches):
        given, result = scratch / f"feeds{place}.npz", scratch / f"outputs{place}.npz"
        np.savez(given, *[batch.feeds[name] for name in inputs])
        pairs.append((str(given), str(result)))
    answer = scratch / "answer.json"
    whole = {**request, "batches": pairs, "answer": str(answer)}
    whole |= {"memory": _MEMORY, "seconds": int(timeout) * 4}
    (scratch / "request.json").write_text(json.dumps(whole), "utf-8")
    # Run from a folder of its own: beside our modules, `import statistics` would find ours.
    child = scratch / "ask" / "ask.py"
    child.parent.mkdir()
    shutil.copyfile(Path(__file__).with_name("_reference_child.py"), child)
    command = [python or sys.executable, "-W", "ignore", str(child), str(scratch / "request.json")]
    _wait(command, scratch, timeout)
    if not answer.exists():
        raise EngineFailure(
            f"the training-side model left no answer; its last words: {_last_words(scratch)}",
            kind="exception",
            hint="run it by hand once; --python names an interpreter that has its framework",
        )
    told = json.loads(answer.read_text("utf-8"))
    if "error" in told:
        missing = "No module named" in told["error"]
        raise UsageError(
            f"the training-side model: {told['error']}",
            hint="name an interpreter that has the framework: --python PATH" if missing else "",
        )
    results = []
    for _, left in pairs:
        with np.load(left, allow_pickle=False) as arrays:
            results.append([arrays[f"arr_{place}"] for place in range(len(arrays.files))])
    return told, results


def _wait(command: list[str], scratch: Path, timeout: float) -> None:
    environment = {**inherited_environment(), "HOME": str(scratch), **_ENVIRONMENT}
    try:
        code = run_logged(command, scratch / "log", environment=environment, timeout=timeout)
    except OSError as error:
        raise UsageError(f"the interpreter '{command[0]}' cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineFailure(
            f"the training-side model did not finish within {timeout:g} s",
            kind="timeout",
            hint="ask about fewer samples with --limit",
        ) from error
    if code < 0:
        name = signal.Signals(-code).name
        raise EngineFailure(
            f"the training-side model was killed by {name}; its last words: {_last_words(scratch)}",
            kind="signal",
            signal_name=name,
        )


def _last_words(scratch: Path) -> str:
    return plain_words(tail_of(scratch / "log")) or "none"
