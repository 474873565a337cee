"""Paddle's combined parameters file (`.pdiparams`), read without its data.

One tensor after the other, no names, no checksum (the same in 2.x and 3.x):

    u32 version = 0
    u64 lod levels, then for each level  u64 size, data
    u32 version = 0
    i32 length of the description
    description: protobuf {1: dtype, 2: dims, repeated}
    data, row-major, little-endian

Paddle loads such a file without a word when it is cut inside its last tensor, and allocates until it is
killed when the lod level is damaged; so every byte up to the end of the file is accounted for here.
Memory does not grow with the data: the reader seeks over it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from seatrial.model.artifact import Problem
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._bytes import head, our_errors, size_of
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import ITEM_SIZES, problem

# framework.proto, VarType.Type of Paddle 3.2
DTYPES = {
    0: "bool", 1: "int16", 2: "int32", 3: "int64", 4: "float16", 5: "float32", 6: "float64", 20: "uint8",
    21: "int8", 22: "bfloat16", 23: "complex64", 24: "complex128", 32: "float8_e4m3fn", 33: "float8_e5m2",
}  # fmt: skip

MAX_DESCRIPTION = 4096
MAX_LOD_LEVELS = 8
MAX_TENSORS = 1_000_000
_BEFORE_LOD = struct.Struct("<IQ")
_BEFORE_DESCRIPTION = struct.Struct("<Ii")
_COPY_AGAIN = "copy the parameters file again from the export and compare the sizes"


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor as the parameters file has it. `available` < `nbytes` when the file ends inside it."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    nbytes: int
    available: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a parameters file holds, up to its first defect."""

    tensors: tuple[Stored, ...]
    end: int
    size: int
    defect: Problem | None


def sniff(path: Path) -> bool:
    """Whether the file starts as a parameters file does."""
    data = head(path, 24)
    if len(data) < 22:
        return False
    version, levels = _BEFORE_LOD.unpack_from(data)
    inner, length = _BEFORE_DESCRIPTION.unpack_from(data, _BEFORE_LOD.size)
    return version == 0 and levels == 0 and inner == 0 and 2 <= length <= MAX_DESCRIPTION and data[20] == 8


def scan(path: Path, *, limit: int = MAX_TENSORS) -> Scan:
    """Reads the description of every tensor, at most `limit` of them."""
    size = size_of(path)
    tensors: list[Stored] = []
    position = 0
    defect = None
    with our_errors(path), path.open("rb", buffering=0) as file:
        while position < size and len(tensors) < limit:
            try:
                tensor = _tensor(file, position, size, len(tensors))
            except Garbled as error:
                defect = problem(error.code, error.message, f"{path.name}, byte {position:,}", error.hint)
                break
            tensors.append(tensor)
            position = tensor.offset + tensor.available
    return Scan(tuple(tensors), position, size, defect)


def _tensor(file: BinaryIO, start: int, size: int, index: int) -> Stored:
    """One tensor that starts at `start`."""
    file.seek(start)
    version, levels = _BEFORE_LOD.unpack(_take(file, _BEFORE_LOD.size, size, index))
    if version != 0:
        raise Garbled(
            f"tensor {index}: version {version}, expected 0", code="parameters-header", hint=_COPY_AGAIN
        )
    if levels > MAX_LOD_LEVELS:
        raise Garbled(
            f"tensor {index}: lod level {levels}, expected 0 (Paddle allocates until it is killed)",
            code="lod-level-absurd",
            hint=_COPY_AGAIN,
        )
    for _ in range(levels):
        (length,) = struct.unpack("<Q", _take(file, 8, size, index))
        if length > size - file.tell():
            raise Garbled(
                f"tensor {index}: a lod level of {length:,} bytes, {size - file.tell():,} are left",
                code="lod-level-absurd",
                hint=_COPY_AGAIN,
            )
        file.seek(length, 1)
    version, length = _BEFORE_DESCRIPTION.unpack(_take(file, _BEFORE_DESCRIPTION.size, size, index))
    if version != 0 or not 0 < length <= MAX_DESCRIPTION:
        raise Garbled(
            f"tensor {index}: inner version {version} and a description of {length} bytes, expected 0 and up "
            f"to {MAX_DESCRIPTION}",
            code="parameters-header",
            hint=_COPY_AGAIN,
        )
    dtype, shape = description(memoryview(_take(file, length, size, index)), f"tensor {index}")
    nbytes = prod(shape) * ITEM_SIZES[dtype]
    return Stored(dtype, shape, file.tell(), nbytes, min(nbytes, size - file.tell()))


def _take(file: BinaryIO, count: int, size: int, index: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise Garbled(
            f"the file ends after {size:,} bytes, inside the header of tensor {index}",
            code="parameters-truncated",
            hint=_COPY_AGAIN,
        )
    return data


def description(data: memoryview, what: str) -> tuple[str, tuple[int, ...]]:
    """Type and shape of a `TensorDesc` whose dimensions must be closed."""
    try:
        code, dims = tensor_desc(data)
    except Garbled as error:
        raise Garbled(
            f"{what}: the description is damaged: {error.message}", code="parameters-header", hint=_COPY_AGAIN
        ) from error
    if code not in DTYPES:
        raise Garbled(f"{what}: unknown dtype {code}", code="parameters-header", hint=_COPY_AGAIN)
    if len(dims) > 32 or any(each < 0 for each in dims):
        raise Garbled(f"{what}: impossible shape {dims[:33]}", code="parameters-header", hint=_COPY_AGAIN)
    return DTYPES[code], dims


def tensor_desc(data: memoryview) -> tuple[int, tuple[int, ...]]:
    """Code of the dtype (-1 when there is none) and dimensions of a `TensorDesc` message."""
    code, dims = -1, []
    for number, value in protobuf.fields(data):
        if number == 1:
            code = protobuf.number(value, "dtype")
        elif number == 2:
            dims += protobuf.numbers(value)
    return code, tuple(dims)
