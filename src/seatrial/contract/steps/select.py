"""Takes one of several outputs."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.errors import ContractViolation


def _select(value: Any, _context: Context, /, *, output: int) -> Any:
    """`output` counts from 0 in the graph's order."""
    if not isinstance(value, list | tuple):
        raise ContractViolation(f"takes a list of outputs, not {describe(value)}")
    if not 0 <= output < len(value):
        raise ContractViolation(f"there is no output {output}; the model gives {len(value)}")
    return value[output]


STEP = FunctionStep("select", "postprocess", "one of several outputs", _select)
