"""Writes the protobuf wire format: a message with some of its fields changed, the others byte for byte.

Source: the protobuf encoding specification. Nothing here knows a schema, so what a newer format adds
survives.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._format import Garbled


@dataclass(frozen=True, slots=True)
class Part:
    """One field: its number, its value, and all of its bytes as the file has them."""

    number: int
    value: int | memoryview
    raw: memoryview

    @property
    def message(self) -> memoryview:
        """The value as a message or bytes."""
        return protobuf.message(self.value, f"field {self.number}")

    @property
    def text(self) -> str:
        """The value as text."""
        return protobuf.text(self.value, f"field {self.number}")


# What takes the place of a field; None leaves it as it is, no bytes take it out.
Change = Callable[[Part], "bytes | memoryview | None"]


def parts(data: memoryview) -> Iterator[Part]:
    """The fields of one message with their bytes, in file order.

    Raises:
        Garbled: The bytes are no protobuf.
    """
    position = 0
    while position < len(data):
        end = _end(data, position)
        raw = data[position:end]
        number, value = next(protobuf.fields(raw))
        yield Part(number, value, raw)
        position = end


def _end(data: memoryview, start: int) -> int:
    """Where the field that starts at `start` ends."""
    key, position = protobuf.varint(data, start)
    wire = key & 7
    if wire == protobuf.VARINT:
        return protobuf.varint(data, position)[1]
    if wire == protobuf.BYTES:
        length, position = protobuf.varint(data, position)
        end = position + length
    else:
        end = position + {protobuf.FIXED32: 4, protobuf.FIXED64: 8}.get(wire, len(data) + 1)
    if end > len(data):
        raise Garbled(f"a field at byte {start} points beyond its message", code="graph-truncated")
    return end


def changed(data: memoryview, change: Change, *, extra: Iterable[bytes] = ()) -> bytes:
    """A message with every field as `change` wants it, and `extra` fields behind them."""
    pieces: list[bytes | memoryview] = []
    for each in parts(data):
        new = change(each)
        pieces.append(each.raw if new is None else new)
    return b"".join([*pieces, *extra])


def inside(part: Part, change: Change, *, extra: Iterable[bytes] = ()) -> bytes | None:
    """A field whose message is changed; None where it comes out as it was."""
    content = changed(part.message, change, extra=extra)
    return None if content == part.message else block(part.number, content)


def varint(value: int) -> bytes:
    """An integer; a negative one as its 64 bits."""
    rest = value & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An integer field."""
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes | memoryview | str) -> bytes:
    """A field of bytes, text or a message."""
    data = content.encode("utf-8") if isinstance(content, str) else bytes(content)
    return varint(field << 3 | protobuf.BYTES) + varint(len(data)) + data


def float32(field: int, value: float) -> bytes:
    """A 32-bit floating-point field."""
    return varint(field << 3 | protobuf.FIXED32) + struct.pack("<f", value)


def float64(field: int, value: float) -> bytes:
    """A 64-bit floating-point field."""
    return varint(field << 3 | protobuf.FIXED64) + struct.pack("<d", value)
