"""Reads the protobuf wire format without schema, engine or copy.

Source: the protobuf encoding specification. Every length is checked against what is left.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from seatrial.model.formats._format import Garbled
from seatrial.model.formats._probe import printable

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# Packed numbers become Python objects of eight times their size and more; weights are read elsewhere.
MAX_PACKED = 64 << 20

# One field: its number and its value, an integer (also for the fixed widths, as raw bits) or bytes.
Field = tuple[int, "int | memoryview"]


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """An unsigned integer of at most 64 bits and the position behind it."""
    result = shift = 0
    end = min(len(data), position + 10)
    while position < end:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
    if position >= len(data):
        raise Garbled("ends inside a number", code="graph-truncated")
    raise Garbled(f"a number at byte {position} is longer than 64 bits")


def fields(data: memoryview) -> Iterator[Field]:
    """The fields of one message, in file order.

    Raises:
        Garbled: A length points beyond the message (code `graph-truncated`), or the bytes are no protobuf.
    """
    position, size = 0, len(data)
    while position < size:
        key, position = varint(data, position)
        number, wire = key >> 3, key & 7
        value: int | memoryview
        if number == 0:
            raise Garbled(f"field number 0 at byte {position}")
        if wire == VARINT:
            value, position = varint(data, position)
        elif wire == BYTES:
            length, position = varint(data, position)
            if length > size - position:
                raise Garbled(
                    f"field {number} announces {length:,} bytes, {size - position:,} are left",
                    code="graph-truncated",
                )
            value = data[position : position + length]
            position += length
        elif wire in (FIXED32, FIXED64):
            width = 4 if wire == FIXED32 else 8
            if width > size - position:
                raise Garbled(f"ends inside field {number}", code="graph-truncated")
            value = int.from_bytes(data[position : position + width], "little")
            position += width
        else:
            raise Garbled(f"wire type {wire} at byte {position} does not exist")
        yield number, value


def message(value: int | memoryview, what: str) -> memoryview:
    """A field that must hold a message or bytes."""
    if isinstance(value, int):
        raise Garbled(f"{what} is a number, expected a message")
    return value


def text(value: int | memoryview, what: str) -> str:
    """A field that must hold text; what is not UTF-8 is shown as escapes."""
    return printable(bytes(message(value, what)).decode("utf-8", "backslashreplace"))


def number(value: int | memoryview, what: str) -> int:
    """A field that must hold an integer; negative where the 64-bit value is."""
    if not isinstance(value, int):
        raise Garbled(f"{what} holds bytes, expected a number")
    return value - (1 << 64) if value >= 1 << 63 else value


def numbers(value: int | memoryview) -> list[int]:
    """A repeated integer field: one value, or several packed into bytes."""
    if isinstance(value, int):
        return [number(value, "")]
    _check_packed(value)
    result = []
    position = 0
    while position < len(value):
        each, position = varint(value, position)
        result.append(number(each, ""))
    return result


def float32(value: int | memoryview, what: str) -> float:
    """A 32-bit floating-point field."""
    if not isinstance(value, int):
        raise Garbled(f"{what} holds bytes, expected a number")
    return float(struct.unpack("<f", struct.pack("<I", value & 0xFFFFFFFF))[0])


def float64(value: int | memoryview, what: str) -> float:
    """A 64-bit floating-point field."""
    if not isinstance(value, int):
        raise Garbled(f"{what} holds bytes, expected a number")
    return float(struct.unpack("<d", struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF))[0])


def floats(value: int | memoryview, width: int, what: str) -> list[float]:
    """A repeated floating-point field of 4 or 8 bytes a value, packed or not."""
    one = float32 if width == 4 else float64
    if isinstance(value, int):
        return [one(value, what)]
    _check_packed(value)
    whole = len(value) // width * width
    return list(struct.unpack(f"<{whole // width}{'f' if width == 4 else 'd'}", value[:whole]))


def _check_packed(value: memoryview) -> None:
    if len(value) > MAX_PACKED:
        raise Garbled(f"{len(value):,} bytes of packed numbers; more than {MAX_PACKED:,} are no attribute")
