"""Writes small ELF files by hand: a header, a dynamic section, a string table and version needs; no code."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

X86_64, AARCH64 = 62, 183
_NEEDED, _SONAME, _RUNPATH, _STRTAB = 1, 14, 29, 5


def write_elf(
    path: Path,
    *,
    needed: Sequence[str] = (),
    soname: str = "",
    runpath: str = "",
    versions: Sequence[str] = (),
    machine: int = X86_64,
) -> Path:
    """A 64-bit little-endian shared object that asks for `needed` and, of libc.so.6, for `versions`."""
    names = b"\0"
    places: dict[str, int] = {}
    for text in (*needed, soname, runpath, *versions, "libc.so.6"):
        if text not in places:
            places[text] = len(names)
            names += text.encode() + b"\0"
    entries = [(_NEEDED, places[each]) for each in needed]
    entries += [(_SONAME, places[soname])] if soname else []
    entries += [(_RUNPATH, places[runpath])] if runpath else []
    dynamic = b"".join(struct.pack("<qQ", *each) for each in [*entries, (_STRTAB, 0), (0, 0)])
    needs = b""
    if versions:
        needs = struct.pack("<HHIII", 1, len(versions), places["libc.so.6"], 16, 0)
        for number, version in enumerate(versions):
            last = number == len(versions) - 1
            needs += struct.pack("<IHHII", 0, 0, number + 2, places[version], 0 if last else 16)
    titles = b"\0.dynstr\0.dynamic\0.gnu.version_r\0.shstrtab\0"
    blobs = [names, dynamic, needs, titles]
    offsets, cursor = [], 64
    for blob in blobs:
        offsets.append(cursor)
        cursor += len(blob) + (-len(blob) % 8)
    section = struct.Struct("<IIQQQQIIQQ")
    table = section.pack(*[0] * 10)
    for title, kind, place, link, info, size in (
        (b".dynstr", 3, 0, 0, 0, 0),
        (b".dynamic", 6, 1, 1, 0, 16),
        (b".gnu.version_r", 0x6FFFFFFE, 2, 1, int(bool(versions)), 0),
        (b".shstrtab", 3, 3, 0, 0, 0),
    ):
        table += section.pack(
            titles.index(title), kind, 0, 0, offsets[place], len(blobs[place]), link, info, 8, size
        )
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, cursor, 0, 64, 0, 0, 64, 5, 4)
    body = b"".join(blob + bytes(-len(blob) % 8) for blob in blobs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + body + table)
    return path
