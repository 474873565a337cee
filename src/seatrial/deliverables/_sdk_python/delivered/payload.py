"""Files as people have them, as what a pipeline starts from."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from delivered.errors import ContractViolation

# A picture's bytes, a text, one array, or arrays by input name.
Payload = Any


def read_payload(path: Path | str) -> Payload:
    """The payload in a file: `.npy`, `.npz`, `.json` (`{"inputs": {...}}`), `.txt`, else a picture's bytes.

    Raises:
        ContractViolation: There is no such file, or it is damaged.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        if path.suffix == ".npy":
            return np.load(io.BytesIO(data), allow_pickle=False)
        if path.suffix == ".npz":
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        if path.suffix == ".json":
            return from_json(json.loads(data))
        return data.decode() if path.suffix == ".txt" else data
    except OSError as error:
        raise ContractViolation(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, EOFError, KeyError) as error:
        raise ContractViolation(f"{path} is damaged: {error}") from error


def from_json(document: Any) -> Payload:
    """What a client would post as JSON: `{"text": "..."}` or `{"inputs": {NAME: [...]}}`.

    Raises:
        ContractViolation: It is something else.
    """
    if isinstance(document, Mapping) and isinstance(document.get("text"), str):
        return document["text"]
    inputs = document.get("inputs") if isinstance(document, Mapping) else None
    if not isinstance(inputs, Mapping):
        raise ContractViolation("the JSON has neither 'text' nor 'inputs'")
    from delivered.pipeline import INPUTS

    dtypes = {spec.name: spec.dtype for spec in INPUTS}
    arrays = {}
    for name, values in inputs.items():
        dtype = dtypes.get(name, "float32")
        arrays[name] = np.asarray(values, object if dtype == "string" else dtype)
    return arrays if len(arrays) != 1 or len(INPUTS) != 1 else next(iter(arrays.values()))
