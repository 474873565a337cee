"""Changes the type of the numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, to_float
from seatrial.errors import ContractViolation

Name = Literal[
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
]  # fmt: skip


def _cast(value: Any, _context: Context, /, *, dtype: Name) -> Array:
    """Numbers that the target cannot hold are refused, because NumPy would wrap them in silence."""
    array = as_array(value)
    target = np.dtype(dtype)
    if target.kind in "iu" and array.size:
        bounds = np.iinfo(target)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ContractViolation(f"cannot turn NaN or infinity into {dtype}")
        smallest, largest = array.min().item(), array.max().item()
        if smallest < bounds.min or largest > bounds.max:
            raise ContractViolation(f"{smallest} to {largest} does not fit into {dtype}")
    return to_float(array, target) if target.kind == "f" else array.astype(target)


STEP = FunctionStep("cast", "both", "changes the number type", _cast)
