"""Tensors of an ONNX model: where their bytes lie, in the file or in one beside it.

TensorProto {1 dims, 2 data_type, 4 float_data, 5 int32_data, 6 string_data, 7 int64_data, 8 name, 9 raw_data,
10 double_data, 11 uint64_data, 13 external_data {1 key, 2 value}, 14 data_location},
SparseTensorProto {1 values, 2 indices, 3 dims}.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import ITEM_SIZES

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
    16: "bfloat16", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz",
    21: "uint4", 22: "int4", 23: "float4e2m1",
}  # fmt: skip
MAX_SHOWN = 1024
HALF_BYTES = ("uint4", "int4", "float4e2m1")
# Typed fields whose packed form is the same as raw data: number and code of the dtype.
_PLAIN = {4: 1, 10: 11}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of an ONNX file.

    Attributes:
        name: Of the initializer, or of the constant's output.
        dtype: NumPy's spelling.
        shape: Dimensions.
        raw: Its bytes in the file, row-major and little-endian; None when they lie elsewhere. Packed
            `float_data` and `double_data` are such bytes too.
        typed: How many values it has in other typed fields (`int64_data`...); these cannot be mapped.
        external: `location`, `offset`, `length` as the file has them.
        sparse: Only values and indices are stored.
        shown: Its values when they are few, for attributes and constants.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    raw: memoryview | None = None
    typed: int = 0
    external: tuple[tuple[str, str], ...] = ()
    sparse: bool = False
    shown: Any = "tensor"

    @property
    def nbytes(self) -> int:
        """Bytes that dtype and shape ask for; 0 for text."""
        if self.dtype in HALF_BYTES:
            return (prod(self.shape) + 1) // 2
        size = 1 if self.dtype.startswith("float8") else ITEM_SIZES.get(self.dtype, 0)
        return prod(self.shape) * size

    @property
    def is_weight(self) -> bool:
        """Whether a constant of this kind is weights: floating, and more than one number."""
        return "float" in self.dtype and prod(self.shape) > 1

    def named(self, name: str) -> Tensor:
        """The same tensor under another name."""
        return replace(self, name=name)


def tensor(data: memoryview) -> Tensor:
    """One `TensorProto`."""
    name, code, dims, raw, typed = "", 0, [], None, 0
    is_external = False
    external: list[tuple[str, str]] = []
    values: list[Any] = []
    for number, value in protobuf.fields(data):
        if number == 1:
            dims += protobuf.numbers(value)
        elif number == 2:
            code = protobuf.number(value, "a dtype")
        elif number == 8:
            name = protobuf.text(value, "the name of a tensor")
        elif number == 9:
            raw = protobuf.message(value, "the data of a tensor")
        elif _PLAIN.get(number) == code and isinstance(value, memoryview) and raw is None:
            raw = value
        elif number in (4, 5, 6, 7, 10, 11):
            several = _typed(number, value)
            typed += several if isinstance(several, int) else len(several)
            values += several if not isinstance(several, int) and len(values) < MAX_SHOWN else []
        elif number == 13:
            external.append(_entry(protobuf.message(value, "external data")))
        elif number == 14:
            is_external = protobuf.number(value, "data_location") == 1
    if len(dims) > 32 or any(each < 0 for each in dims):
        raise Garbled(f"tensor '{name}' has the impossible shape {dims[:33]}")
    found = Tensor(name, DTYPES.get(code, f"dtype {code}"), tuple(dims), raw, typed)
    if is_external:
        return replace(found, external=tuple(external) or (("location", ""),), raw=None)
    return replace(found, shown=_shown(found, values))


def sparse_tensor(data: memoryview) -> Tensor:
    """One `SparseTensorProto`: the values' name and dtype, the dense shape."""
    values, dims = None, []
    for number, value in protobuf.fields(data):
        if number == 1:
            values = tensor(protobuf.message(value, "the values of a sparse tensor"))
        elif number == 3:
            dims += protobuf.numbers(value)
    if values is None or len(dims) > 32 or any(each < 0 for each in dims):
        raise Garbled("a sparse tensor without values or with an impossible shape")
    return replace(values, shape=tuple(dims), sparse=True, shown="sparse tensor")


def _typed(number: int, value: int | memoryview) -> list[Any] | int:
    """The values of a typed field, or their count when they are many."""
    if number == 6:
        return 1
    width = {4: 4, 10: 8}.get(number)
    if isinstance(value, memoryview) and len(value) > MAX_SHOWN * 8:
        return len(value) // width if width else _count_varints(value)
    if width:
        return protobuf.floats(value, width, "typed data")
    return protobuf.numbers(value)


def _count_varints(data: memoryview) -> int:
    """Numbers packed in `data`: every byte below 128 ends one."""
    total = 0
    for start in range(0, len(data), 1 << 20):
        portion = bytes(data[start : start + (1 << 20)])
        total += len(portion.translate(None, bytes(range(128, 256))))
    return total


def _entry(data: memoryview) -> tuple[str, str]:
    key, text = "", ""
    for number, value in protobuf.fields(data):
        if number == 1:
            key = protobuf.text(value, "external data")
        elif number == 2:
            text = protobuf.text(value, "external data")
    return key, text


def _shown(found: Tensor, values: list[Any]) -> Any:
    """Few values as a tuple, one as itself, and many as their description."""
    import numpy as np

    many = prod(found.shape)
    if many > MAX_SHOWN or found.dtype not in ("float32", "float64", "int32", "int64", "bool"):
        return f"tensor {found.dtype} {list(found.shape)}"
    if found.raw is not None and len(found.raw) == found.nbytes:
        values = np.frombuffer(found.raw, dtype=found.dtype).tolist()
    return values[0] if not found.shape and len(values) == 1 else tuple(values)
