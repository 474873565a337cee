"""Writes `pipeline.py` from a contract: its steps in their order, with every constant written out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from seatrial import extensions
from seatrial.contract import Contract, StepCall

_HEAD = '''"""What is done to a sample before and after the model; written from contract.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from delivered.answer import plain, row_of
from delivered.context import Array, Context
from delivered.errors import ContractViolation, DeliveredError
from delivered.feeds import check_feeds
'''
_TAIL = '''
def prepare(payload: Any) -> tuple[dict[str, Array], Context]:
    """One sample -> arrays by input name with a batch axis of 1, and what the postprocessing must know of it.

    Args:
        payload: A picture's bytes or path, a text, an array, or arrays by input name.

    Raises:
        ContractViolation: A step refused it, or the arrays are not what the model takes.
    """
    context = Context(labels=LABELS, vocabulary=VOCABULARY)
    value = _run(PREPROCESS, payload, context)
    if not isinstance(value, Mapping):
        value = {INPUTS[0].name: value}
    feeds = {name: np.ascontiguousarray(array[None]) for name, array in value.items()}
    check_feeds(INPUTS, feeds)
    return feeds, context


def postprocess(outputs: Sequence[Array], row: int, context: Context) -> Any:
    """Row `row` of the model's outputs -> the answer, in plain JSON types.

    Args:
        outputs: In the contract's order, batch axis included.
        row: Of the batch.
        context: That `prepare` gave for this sample.

    Raises:
        ContractViolation: A step refused the outputs.
    """
    return plain(_run(POSTPROCESS, row_of(outputs, OUTPUTS, row), context))


def _run(steps: Sequence[Step], value: Any, context: Context) -> Any:
    for place, (name, function, options) in enumerate(steps, start=1):
        try:
            value = function(value, context, **options)
        except DeliveredError as error:
            raise ContractViolation(f"step {place} ({name}): {error.message}", hint=error.hint) from error
    return value
'''


def pipeline_py(contract: Contract, name: str, version: str, models: Iterable[tuple[str, str]]) -> str:
    """The module.

    Args:
        contract: Of the model.
        name: Of the bundle.
        version: Of the bundle.
        models: Format and path of each graph in the bundle, the preferred one first.
    """
    calls = (*contract.preprocess.calls, *contract.postprocess.calls)
    used = sorted({call.name for call in calls})
    imports = "".join(f"from delivered.steps.{each} import {each}\n" for each in used)
    parts = [
        f"{_HEAD}{imports}from delivered.tensor import TensorSpec\n",
        f"NAME = {name!r}\nVERSION = {version!r}",
        "# Format and graph of each model, from the bundle's folder on; they answer alike.",
        f"MODELS = ({''.join(f'{each!r}, ' for each in models).rstrip()})",
        f"BATCHES = {contract.batches_freely}  # whether samples may travel in one call",
        _specs("INPUTS", contract.inputs),
        _specs("OUTPUTS", contract.outputs),
        _names("LABELS", contract.labels, "labels.txt"),
        _names("VOCABULARY", contract.vocabulary, "vocabulary.txt"),
        "# The step's name, what it does, and its options; each takes what the one before gave.",
        "Step = tuple[str, Callable[..., Any], dict[str, Any]]",
        _steps("PREPROCESS", contract.preprocess.calls),
        _steps("POSTPROCESS", contract.postprocess.calls),
        "",
        _TAIL,
    ]
    if contract.labels or contract.vocabulary:
        parts[2:2] = [_LINES]
    return "\n".join(parts)


_LINES = '''
_HERE = Path(__file__).resolve().parent


def _lines(name: str) -> tuple[str, ...]:
    """One name a line, from the file beside this one."""
    text = (_HERE / name).read_bytes().decode("utf-8")
    return tuple(text[:-1].split("\\n")) if text else ()

'''


def _specs(name: str, specs: Iterable[Any]) -> str:
    told = []
    for spec in specs:
        fields = {key: value for key, value in asdict(spec).items() if value not in (None, "")}
        told.append(f"    TensorSpec({', '.join(f'{key}={value!r}' for key, value in fields.items())}),\n")
    return f"{name} = (\n{''.join(told)})"


def _names(name: str, names: Iterable[str], file: str) -> str:
    return f"{name}: tuple[str, ...] = {f'_lines({file!r})' if names else '()'}"


def _steps(name: str, calls: Iterable[StepCall]) -> str:
    told = []
    for call in calls:
        step = extensions.get("seatrial.contract.steps", "STEP", call.name)
        options = step.filled(call.options)
        written = ", ".join(f"{key!r}: {value!r}" for key, value in options.items())
        told.append(f"    ({call.name!r}, {call.name}, {{{written}}}),\n")
    return f"{name}: tuple[Step, ...] = (\n{''.join(told)})" if told else f"{name}: tuple[Step, ...] = ()"
