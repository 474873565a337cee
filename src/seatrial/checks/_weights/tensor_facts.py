"""What the bytes of one tensor of weights say, read once and in pieces (`M02`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.errors import SeatrialError
from seatrial.model.weights import bytes_of, widened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.model import Parameter

BLOCK = 4 << 20  # elements held at once
_SAMPLE = 65536  # elements that speak for the median of a large tensor
_WIDTH = {"bfloat16": "<u2", "float16": "<f2", "float32": "<f4", "float64": "<f8"}
_TINY = {
    "float16": 6.104e-5,
    "bfloat16": 1.1754944e-38,
    "float32": 1.1754944e-38,
    "float64": 2.2250738585072014e-308,
}


@dataclass(frozen=True)
class TensorFacts:
    """Figures of one tensor.

    Attributes:
        name: As the graph has it.
        dtype: Its dtype.
        shape: Its shape.
        count: Elements.
        digest: Hexadecimal sha256 of its bytes.
        floating: Whether the figures below were taken (integers only have zeros, low and high).
        nonfinite: NaN and Inf.
        zeros: Exact zeros.
        denormals: Numbers too small for full precision.
        low: Smallest finite value.
        high: Largest finite value.
        largest: Largest magnitude.
        second: Second largest magnitude (equal to `largest` when it occurs twice).
        typical: Median magnitude of those that are not zero.
        dead_rows: Slices along axis 0 that are all zero (at least two axes), else 0.
        dead_columns: Slices along axis 1 that are all zero (exactly two axes), else 0.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    count: int
    digest: str
    floating: bool
    nonfinite: int = 0
    zeros: int = 0
    denormals: int = 0
    low: float = 0.0
    high: float = 0.0
    largest: float = 0.0
    second: float = 0.0
    typical: float = 0.0
    dead_rows: int = 0
    dead_columns: int = 0

    @property
    def constant(self) -> bool:
        """Whether every element is the same."""
        return self.count > 1 and not self.nonfinite and self.low == self.high

    @property
    def all_zero(self) -> bool:
        """Whether every element is zero."""
        return self.count > 0 and self.zeros == self.count


def read_facts(parameters: Iterable[Parameter]) -> tuple[list[TensorFacts], list[str]]:
    """Reads every tensor whose bytes are there.

    Returns:
        The facts, and the names of tensors without their bytes.
    """
    facts, missing = [], []
    for each in parameters:
        try:
            raw = bytes_of(each)
        except SeatrialError:
            missing.append(each.name)
        else:
            facts.append(describe(each.name, each.dtype, each.shape, raw))
    return facts, missing


def describe(name: str, dtype: str, shape: tuple[int, ...], raw: Any) -> TensorFacts:
    """The figures of one tensor.

    Args:
        name: Of the tensor.
        dtype: One of `contract.tensor.DTYPES`.
        shape: Dimensions.
        raw: Its bytes, little-endian, C order, shape (n,).
    """
    digest = hashlib.sha256(raw).hexdigest()
    if dtype not in _WIDTH:
        count = int(np.prod(shape, dtype="int64"))
        zeros = 0 if len(raw) and np.any(raw) else count
        return TensorFacts(
            name, dtype, shape, count, digest, floating=False, zeros=zeros, high=float(zeros == 0)
        )
    flat = np.frombuffer(raw, _WIDTH[dtype]) if len(raw) else np.zeros(0, _WIDTH[dtype])
    found = _Tally(_TINY[dtype])
    for start in range(0, len(flat), BLOCK):
        found.add(_as_float(flat[start : start + BLOCK], dtype))
    sample = np.abs(_as_float(flat[:: max(len(flat) // _SAMPLE, 1)], dtype).astype("float64"))
    sample = sample[np.isfinite(sample) & (sample > 0)]
    rows, columns = _dead(flat, shape, dtype)
    return TensorFacts(
        name,
        dtype,
        shape,
        len(flat),
        digest,
        floating=True,
        nonfinite=found.nonfinite,
        zeros=found.zeros,
        denormals=found.denormals,
        low=found.low if found.any else 0.0,
        high=found.high if found.any else 0.0,
        largest=found.top[0],
        second=found.top[1],
        typical=float(np.median(sample)) if len(sample) else 0.0,
        dead_rows=rows,
        dead_columns=columns,
    )


def _as_float(values: Any, dtype: str) -> Any:
    """Numbers as float32 or float64; bfloat16 is the upper half of a float32."""
    if dtype == "bfloat16":
        return widened(values)
    return values.astype("float32") if dtype == "float16" else values


class _Tally:
    """Figures that add up over blocks."""

    def __init__(self, tiny: float) -> None:
        self.tiny = tiny
        self.nonfinite = self.zeros = self.denormals = 0
        self.low, self.high = float("inf"), float("-inf")
        self.top = (0.0, 0.0)
        self.any = False

    def add(self, block: Any) -> None:
        finite = block[np.isfinite(block)]
        self.nonfinite += len(block) - len(finite)
        if not len(finite):
            return
        self.any = True
        sizes = np.abs(finite)
        self.zeros += int((sizes == 0).sum())
        self.denormals += int(((sizes > 0) & (sizes < self.tiny)).sum())
        self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        most = np.partition(sizes, -2)[-2:] if len(sizes) > 1 else sizes
        ranked = sorted((*self.top, *(float(each) for each in most)), reverse=True)
        self.top = (ranked[0], ranked[1])


def _dead(flat: Any, shape: tuple[int, ...], dtype: str) -> tuple[int, int]:
    """How many slices along axis 0 (and, of a matrix, axis 1) hold nothing but zeros."""
    if len(shape) < 2 or not len(flat) or min(shape[0], len(flat) // shape[0]) < 2:
        return 0, 0
    table = flat.reshape(shape[0], -1)
    step = max(BLOCK // table.shape[1], 1)
    rows, columns = 0, np.zeros(table.shape[1], bool)
    for start in range(0, len(table), step):
        alive = _as_float(table[start : start + step], dtype) != 0
        rows += int((~alive.any(axis=1)).sum())
        columns |= alive.any(axis=0)
    return rows, int((~columns).sum()) if len(shape) == 2 else 0
