"""A graph as any reader sees it, before the parameters file is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Operator, Problem

# More than any network has; a file that claims more is an attack on memory.
MAX_OPERATORS = 1_000_000
MAX_NESTING = 64

ITEM_SIZES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "bfloat16": 2,
    "float32": 4, "float64": 8, "float8_e4m3fn": 1, "float8_e5m2": 1, "complex64": 8, "complex128": 16,
    "uint16": 2, "uint32": 4, "uint64": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter as the graph declares it; -1 is a dimension the graph leaves open."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes its values need; 0 when the dtype is unknown."""
        return prod(self.shape) * ITEM_SIZES.get(self.dtype, 0)


@dataclass(frozen=True)
class Graph:
    """What a graph file says."""

    version: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    declared: tuple[Declared, ...] = ()
    operators: tuple[Operator, ...] = ()
    problems: tuple[Problem, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


def count(operators: Iterable[Operator]) -> dict[str, int]:
    """How often each type occurs, in alphabetical order."""
    return dict(sorted(Counter(each.type for each in operators).items()))


def problem(
    code: str, message: str, where: str, hint: str, *, room: Literal["structure", "weights"] = "structure"
) -> Problem:
    """A defect, shortened so that a hostile file cannot fill the report."""
    return Problem(code=code, message=message[:600], where=where[:200], hint=hint, room=room)
