"""Writes FlatBuffers for the tests of readers: tables as dicts from field numbers to values.

A value is a dict (a table), text, a list of either, `("q", 5)` for a number, `("q", [1, 2])` for numbers.
"""

from __future__ import annotations

import struct


def flatbuffer(root, *, mark: bytes = b"") -> bytes:
    """The bytes of a buffer."""
    writer = _Writer()
    writer.out += b"\0" * 4 + mark
    struct.pack_into("<I", writer.out, 0, writer.table(root))
    return bytes(writer.out)


class _Writer:
    def __init__(self):
        self.out = bytearray()

    def table(self, fields) -> int:
        count = max(fields, default=-1) + 1
        inline = bytearray(4)
        slots, later = [0] * count, []
        for number, value in fields.items():
            slots[number] = len(inline)
            if isinstance(value, tuple) and not isinstance(value[1], list):
                inline += struct.pack(f"<{value[0]}", value[1])
            else:
                later.append((len(inline), value))
                inline += b"\0" * 4
        start = len(self.out) + 4 + 2 * count
        self.out += struct.pack(f"<HH{count}H", 4 + 2 * count, len(inline), *slots)
        struct.pack_into("<i", inline, 0, start - (start - 4 - 2 * count))
        self.out += inline
        for offset, value in later:
            place = start + offset
            struct.pack_into("<I", self.out, place, self.value(value) - place)
        return start

    def value(self, value) -> int:
        if isinstance(value, dict):
            return self.table(value)
        start = len(self.out)
        if isinstance(value, str | bytes):
            data = value.encode() if isinstance(value, str) else value
            self.out += struct.pack("<I", len(data)) + data + b"\0"
            return start
        if isinstance(value, tuple):
            kind, numbers = value
            self.out += struct.pack(f"<I{len(numbers)}{kind}", len(numbers), *numbers)
            return start
        self.out += struct.pack("<I", len(value)) + b"\0" * (4 * len(value))
        for index, each in enumerate(value):
            place = start + 4 + 4 * index
            struct.pack_into("<I", self.out, place, self.value(each) - place)
        return start
