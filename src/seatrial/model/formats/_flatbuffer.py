"""Reads FlatBuffers without schema, engine or copy: tables by the number of their fields.

Source: the FlatBuffers binary format. Every offset is checked against what is there, and how much one file
may make a reader visit is bounded: offsets may be shared, so that a small file can describe a large tree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import isfinite
from typing import Self

from seatrial.model.formats._format import Garbled
from seatrial.model.formats._probe import printable

_MOST_VISITS = 4_000_000
_SIZES = {"b": 1, "B": 1, "?": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8}


class _Buffer:
    """The bytes, and how much of them may still be visited."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self._left = _MOST_VISITS

    def scalar(self, kind: str, position: int) -> int | float:
        """A number; `kind` as in `struct`."""
        if not 0 <= position <= len(self.data) - _SIZES[kind]:
            raise Garbled(f"byte {position:,} is beyond the end", code="graph-truncated")
        value: int | float = struct.unpack_from(f"<{kind}", self.data, position)[0]
        return value

    def integer(self, kind: str, position: int) -> int:
        """An integer."""
        return int(self.scalar(kind, position))

    def spend(self, count: int) -> None:
        """Counts what is visited."""
        self._left -= count
        if self._left < 0:
            raise Garbled("describes more than any model has")

    def vector(self, position: int, width: int) -> tuple[int, int]:
        """Where the elements of the vector at `position` begin, and how many there are."""
        length, start = self.integer("I", position), position + 4
        if length * width > len(self.data) - start:
            raise Garbled(
                f"a vector announces {length:,} elements, {len(self.data) - start:,} bytes are left",
                code="graph-truncated",
            )
        self.spend(length)
        return start, length


class Table:
    """One table of a buffer.

    Args:
        buffer: The buffer.
        position: First byte of the table.
    """

    __slots__ = ("_buffer", "_fields", "_position", "_size")

    def __init__(self, buffer: _Buffer, position: int) -> None:
        buffer.spend(1)
        self._buffer, self._position = buffer, position
        self._fields = position - buffer.integer("i", position)
        self._size = buffer.integer("H", self._fields)

    @classmethod
    def root(cls, data: memoryview) -> Self:
        """The root table of a buffer."""
        buffer = _Buffer(data)
        return cls(buffer, buffer.integer("I", 0))

    def _at(self, field: int) -> int:
        """Where a field's value is; 0 when the table leaves it out."""
        slot = 4 + 2 * field
        offset = self._buffer.integer("H", self._fields + slot) if slot + 2 <= self._size else 0
        return self._position + offset if offset else 0

    def _to(self, field: int) -> int:
        """What a field refers to; 0 when the table leaves it out."""
        at = self._at(field)
        return at + self._buffer.integer("I", at) if at else 0

    def place(self, field: int) -> int:
        """Where the number of a field lies in the buffer; 0 when the table leaves it out."""
        return self._at(field)

    def has(self, field: int) -> bool:
        """Whether the table has the field."""
        return self._at(field) > 0

    def integer(self, field: int, kind: str = "i", default: int = 0) -> int:
        """An integer; `kind` as in `struct`."""
        at = self._at(field)
        return self._buffer.integer(kind, at) if at else default

    def real(self, field: int, kind: str = "f") -> float:
        """A floating-point number; 0 when it is left out or none."""
        at = self._at(field)
        value = float(self._buffer.scalar(kind, at)) if at else 0.0
        return value if isfinite(value) else 0.0

    def text(self, field: int) -> str:
        """Text; empty when it is left out."""
        at = self._to(field)
        return self._text(at) if at else ""

    def _text(self, at: int) -> str:
        start, length = self._buffer.vector(at, 1)
        return printable(bytes(self._buffer.data[start : start + length]).decode("utf-8", "backslashreplace"))

    def texts(self, field: int) -> tuple[str, ...]:
        """A vector of text."""
        return tuple(self._text(each) for each in self._references(field))

    def table(self, field: int) -> Table | None:
        """A table, or the table of a union; None when it is left out."""
        at = self._to(field)
        return Table(self._buffer, at) if at else None

    def tables(self, field: int) -> Iterator[Table]:
        """A vector of tables."""
        for each in self._references(field):
            yield Table(self._buffer, each)

    def integers(self, field: int, kind: str = "i") -> tuple[int, ...]:
        """A vector of integers."""
        at = self._to(field)
        if not at:
            return ()
        start, length = self._buffer.vector(at, _SIZES[kind])
        return tuple(map(int, struct.unpack_from(f"<{length}{kind}", self._buffer.data, start)))

    def bytes_of(self, field: int) -> tuple[int, int]:
        """Where the bytes of a vector of bytes begin in the buffer, and how many there are."""
        at = self._to(field)
        if not at:
            return 0, 0
        length = self._buffer.integer("I", at)
        if length > len(self._buffer.data) - at - 4:
            raise Garbled(
                f"{length:,} bytes are announced, {len(self._buffer.data) - at - 4:,} are left",
                code="graph-truncated",
            )
        return at + 4, length

    def count(self, field: int) -> int:
        """How many elements a vector has."""
        at = self._to(field)
        return self._buffer.integer("I", at) if at else 0

    def _references(self, field: int) -> Iterator[int]:
        at = self._to(field)
        if not at:
            return
        start, length = self._buffer.vector(at, 4)
        for place in range(start, start + 4 * length, 4):
            yield place + self._buffer.integer("I", place)
