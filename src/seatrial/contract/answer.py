"""What an answer looks like: one row of the outputs, plain JSON, and the schema of each task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation

_CONFIDENCE = {"type": "number", "minimum": 0, "maximum": 1.0001}  # softmax in float32 may round above 1
_NUMBERS = {"type": "array", "items": {"type": "number"}}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


# Models that end in argmax give no confidence; where there is one, it is a probability.
_CLASS = _object(**{"class": {"type": "string"}, "index": {"type": "integer"}})
_CLASS["properties"]["confidence"] = _CONFIDENCE
_POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "classification": _CLASS,
    "text-classification": _CLASS,
    "text-recognition": _object(text={"type": "string"}, confidence=_CONFIDENCE),
    "text-detection": _object(
        boxes={"type": "array", "items": {"type": "array", "items": _POINT, "minItems": 4, "maxItems": 4}},
        scores=_NUMBERS,
    ),
    "detection": _object(
        boxes={"type": "array", "items": {**_NUMBERS, "minItems": 4, "maxItems": 4}},
        scores=_NUMBERS,
        classes={"type": "array", "items": {"type": "string"}},
    ),
    # Rows are not described down to the pixel: validating a million integers would outlast inference.
    "segmentation": _object(mask={"type": "array", "items": {"type": "array"}}),
    "regression": _object(value={"type": "number"}),
    "tensor": {},
}


def row_of(outputs: Sequence[Array], specs: Sequence[TensorSpec], row: int) -> Any:
    """The part of the outputs that belongs to one sample; a single output comes bare.

    An output whose layout does not begin with `N` is no batch: its rows are those of all samples, one after
    the other (PaddleDetection's boxes), and an integer output of rank 1 says how many each sample has.

    Raises:
        ContractViolation: There are more or fewer outputs than specs, or no such row.
    """
    if len(outputs) != len(specs):
        raise ContractViolation(f"the model gave {len(outputs)} outputs, and the contract has {len(specs)}")
    arrays = [np.asarray(each) for each in outputs]
    parts = []
    for array, spec in zip(arrays, specs, strict=True):
        if spec.layout and not spec.layout.startswith("N"):
            parts.append(_shared(arrays, array, spec.name, row))
        elif array.ndim == 0 or row >= len(array):
            raise ContractViolation(f"output '{spec.name}' of shape {list(array.shape)} has no row {row}")
        else:
            parts.append(array[row])
    return parts[0] if len(parts) == 1 else parts


def _shared(arrays: Sequence[Array], array: Array, name: str, row: int) -> Array:
    counts = next(
        (each for each in arrays if each.ndim == 1 and each.dtype.kind in "iu" and each is not array), None
    )
    if counts is None:
        if row == 0:
            return array
        raise ContractViolation(
            f"output '{name}' is shared by the samples and nothing says how many rows each has"
        )
    if row >= len(counts) or counts.sum() > len(array) or counts.min() < 0:
        raise ContractViolation(
            f"output '{name}' has {len(array)} rows, which do not fit the counts {counts.tolist()}"
        )
    start = int(counts[:row].sum())
    return array[start : start + int(counts[row])]


def plain(value: Any, where: str = "answer") -> Any:
    """The value in plain JSON types.

    Raises:
        ContractViolation: It holds NaN or infinity, which JSON cannot carry, or something that is no data.
    """
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ContractViolation(f"{where} holds NaN or infinity")
        return value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ContractViolation(f"{where} is {value}", hint="the model gave NaN or infinity for this input")
    if isinstance(value, Mapping):
        return {str(key): plain(each, f"{where}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, f"{where}[{place}]") for place, each in enumerate(value)]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ContractViolation(f"{where} is a {type(value).__name__}, which is no JSON")
