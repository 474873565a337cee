"""Says what goes into which input, for models with more than one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe, to_float
from seatrial.errors import ContractViolation


def _feed(value: Any, context: Context, /, *, inputs: dict[str, str]) -> dict[str, Array]:
    """`{input: source}`; a source is `value`, `value.KEY`, or the name of a note such as `scale_factor`.

    Notes that are plain numbers become int64 or float32.
    """
    return {name: _found(value, context, source) for name, source in inputs.items()}


def _found(value: Any, context: Context, source: str) -> Array:
    word, _, key = source.partition(".")
    if word == "value" and key:
        if not isinstance(value, Mapping) or key not in value:
            has = ", ".join(value) if isinstance(value, Mapping) else "it is no mapping"
            raise ContractViolation(f"the value has no '{key}' ({has})")
        found = value[key]
    elif source == "value":
        found = value
    elif source in context.notes:
        found = context.notes[source]
    else:
        raise ContractViolation(
            f"there is no note '{source}'", hint="there are: value, " + ", ".join(sorted(context.notes))
        )
    try:
        array = np.asarray(found)
    except ValueError as error:
        raise ContractViolation(f"'{source}' is a ragged list, not an array") from error
    if array.dtype.kind not in "biufU":
        raise ContractViolation(f"'{source}' is {describe(found)}, not numbers or text")
    if not isinstance(found, np.ndarray | np.generic) and array.dtype.kind in "if":
        array = array.astype(np.int64) if array.dtype.kind == "i" else to_float(array, np.float32)
    return array


STEP = FunctionStep("feed", "preprocess", "which value goes into which input", _feed)
