"""TensorFlow's variables: an index in LevelDB's table format, and files with the raw values.

The table ends with 48 bytes: the places of two blocks as varints, and a magic number. A block is entries of
(shared, own and value's length, own part of the key, value), then restart points; TensorFlow does not
compress. A value is a BundleEntryProto {1 dtype, 2 shape, 3 shard_id, 4 offset, 5 size}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.artifact import Parameter, Problem
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._bytes import is_regular, mapped, size_of
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import problem
from seatrial.model.formats._probe import printable

_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER = 48
_MAX_KEY = 4096
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
# `DataType` of TensorFlow.
TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64",
    9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32",
    23: "uint64",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """The variables and what is wrong with them."""

    parameters: tuple[Parameter, ...] = ()
    problems: tuple[Problem, ...] = ()


def read(index: Path) -> Found:
    """The variables of an index file; none when there is no such file.

    Raises:
        Garbled: It is no table.
    """
    if not is_regular(index):
        return Found()
    parameters, problems = [], []
    with mapped(index) as data:
        entries = {printable(key): _entry(value) for key, value in _table(data) if key}
    shards = sorted(index.parent.glob(f"{index.stem}.data-*"))
    for name, (dtype, shape, shard, offset, size) in entries.items():
        if dtype in ("string", "") or not name.endswith(_ENDING):
            continue
        file = next((each for each in shards if f".data-{shard:05d}-of-" in each.name), None)
        short = name.removesuffix(_ENDING)[:200]
        if file is not None and offset + size <= size_of(file):
            parameters.append(Parameter(short, dtype, shape, file, offset, size))
            continue
        parameters.append(Parameter(short, dtype, shape, None, 0, 0))
        what = "is not there" if file is None else "ends too early"
        message = f"'{short}' lies in part {shard} of the variables, which {what}"
        hint = "copy the whole folder of the SavedModel again"
        problems.append(problem("parameters-truncated", message, f"variables, {short}", hint, room="weights"))
    return Found(tuple(parameters), tuple(problems[:20]))


def sizes(data: memoryview) -> list[int]:
    """The dimensions of a TensorShapeProto; -1 is free."""
    found = []
    for number, value in protobuf.fields(data):
        if number == 2:
            dim = dict(protobuf.fields(protobuf.message(value, "a dimension")))
            found.append(protobuf.number(dim.get(1, 0), "a size"))
    return found


def _entry(value: memoryview) -> tuple[str, tuple[int, ...], int, int, int]:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    shape: tuple[int, ...] = ()
    for number, each in protobuf.fields(value):
        if number in numbers:
            numbers[number] = protobuf.number(each, "a number")
        elif number == 2:
            shape = tuple(sizes(protobuf.message(each, "a shape")))
    if min(numbers.values()) < 0 or any(each < 0 for each in shape):
        raise Garbled("a variable has a negative place or size")
    return TYPES.get(numbers[1], ""), shape, numbers[3], numbers[4], numbers[5]


def _table(data: memoryview) -> Iterator[tuple[str, memoryview]]:
    if len(data) < _FOOTER or bytes(data[-8:]) != _MAGIC:
        raise Garbled("the variables' index has no end", code="parameters-truncated")
    footer = data[-_FOOTER:]
    position = 0
    for _ in range(2):
        _, position = protobuf.varint(footer, position)
    start, position = protobuf.varint(footer, position)
    size, _ = protobuf.varint(footer, position)
    for _, handle in _block(data, start, size):
        begin, after = protobuf.varint(handle, 0)
        length, _ = protobuf.varint(handle, after)
        yield from _block(data, begin, length)


def _block(data: memoryview, start: int, size: int) -> Iterator[tuple[str, memoryview]]:
    if size < 4 or start + size + 1 > len(data):
        raise Garbled("a block of the variables' index lies beyond its end", code="parameters-truncated")
    if data[start + size]:
        raise Garbled("the variables' index is compressed, which TensorFlow does not do")
    block = data[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 - 4 * restarts
    position, key = 0, b""
    while position < end:
        shared, position = protobuf.varint(block, position)
        own, position = protobuf.varint(block, position)
        length, position = protobuf.varint(block, position)
        if own + length > end - position or shared > len(key) or shared + own > _MAX_KEY:
            raise Garbled("an entry of the variables' index lies beyond its end", code="parameters-truncated")
        key = key[:shared] + bytes(block[position : position + own])
        position += own
        yield key.decode("utf-8", "backslashreplace"), block[position : position + length]
        position += length
