"""Hands a file over as it is, to a model that decodes it itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation


def _file_bytes(value: Any, context: Context, /) -> Array:
    """A path or bytes -> uint8 [n]: what a model with its pipeline folded into it takes.

    An array of bytes stays as it is.
    """
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 1 and value.size:
        return value
    if isinstance(value, Path | str) and context.files:
        try:
            value = (context.root / value if isinstance(value, str) else value).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ContractViolation(f"the file cannot be read: {reason}") from error
    if not isinstance(value, bytes):
        takes = "a file or bytes" if context.files else "bytes"
        raise ContractViolation(f"takes {takes}, not {describe(value)}")
    if not value:
        raise ContractViolation("the file is empty (0 bytes)")
    return np.frombuffer(value, np.uint8)


STEP = FunctionStep(
    "file_bytes", "preprocess", "a file -> its bytes, for a model that decodes it", _file_bytes
)
