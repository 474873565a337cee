"""Puts the outputs of a model that answers by itself into the answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation


def _pack(value: Any, _context: Context, /, *, keys: tuple[str, ...]) -> dict[str, Any]:
    """Output `i` becomes the part `keys[i]` of the answer; `top.index` is a part of each row of `top`."""
    outputs = list(value) if isinstance(value, list | tuple) else [value]
    if len(outputs) != len(keys):
        raise ContractViolation(f"takes {len(keys)} outputs, not {len(outputs)}")
    answer: dict[str, Any] = {}
    for key, each in zip(keys, outputs, strict=True):
        found = each.tolist() if isinstance(each, np.ndarray | np.generic) else each
        name, dot, part = key.partition(".")
        if not dot:
            answer[name] = found
            continue
        if not isinstance(found, list):
            raise ContractViolation(f"'{key}' takes a row, not {describe(each)}")
        rows = answer.setdefault(name, [{} for _ in found])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ContractViolation(f"'{key}' is a part of rows, and '{name}' is none of them")
        if len(rows) != len(found):
            raise ContractViolation(f"'{key}' has {len(found)} rows, and the parts before it {len(rows)}")
        for row, number in zip(rows, found, strict=True):
            row[part] = number
    return answer


STEP = FunctionStep("pack", "postprocess", "outputs -> the parts of the answer", _pack)
