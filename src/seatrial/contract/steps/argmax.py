"""The place of the largest value."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, axis_of
from seatrial.errors import ContractViolation


def _argmax(value: Any, _context: Context, /, *, axis: int = -1) -> Array:
    """Indices along `axis`, int64; the first one where several are largest."""
    array = as_array(value)
    place = axis_of(array, axis)
    if not array.size:
        raise ContractViolation("there are no values")
    return np.asarray(array.argmax(axis=place), np.int64)


STEP = FunctionStep("argmax", "postprocess", "the index of the largest value", _argmax)
