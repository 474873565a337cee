"""Small shared libraries written by hand: a header, a dynamic section, names and version needs; no code."""

from __future__ import annotations

import platform
import struct
from collections.abc import Sequence

_MACHINES = {"x86_64": 62, "amd64": 62, "aarch64": 183, "arm64": 183}
_NAMES = {62: "x64", 183: "AArch64"}
_NEEDED, _SONAME, _STRTAB = 1, 14, 5
_SECTION = struct.Struct("<IIQQQQIIQQ")
_TITLES = b"\0.dynstr\0.dynamic\0.gnu.version_r\0.shstrtab\0"


def this_machine() -> int:
    """ELF number of this processor; of x86-64 where it is neither that nor AArch64."""
    return _MACHINES.get(platform.machine().lower(), 62)


def another_machine() -> int:
    """ELF number of a processor that is not this one."""
    return 183 if this_machine() == 62 else 62


def another_processor() -> str:
    """The other processor's name, as the limit `deployment.machine` has it."""
    return _NAMES[another_machine()]


def small_library(*, needed: Sequence[str], soname: str, machine: int, versions: Sequence[str] = ()) -> bytes:
    """A 64-bit little-endian shared object.

    Args:
        needed: Libraries it asks for.
        soname: Its own name.
        machine: ELF number of its processor.
        versions: Symbol versions it asks libc.so.6 for.
    """
    names, places = b"\0", {}
    for text in (*needed, soname, *versions, "libc.so.6"):
        if text not in places:
            places[text] = len(names)
            names += text.encode() + b"\0"
    entries = [*((_NEEDED, places[each]) for each in needed), (_SONAME, places[soname]), (_STRTAB, 0), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *each) for each in entries)
    blobs = [names, dynamic, _version_needs(versions, places), _TITLES]
    offsets, end = [], 64
    for blob in blobs:
        offsets.append(end)
        end += len(blob) + (-len(blob) % 8)
    table = _SECTION.pack(*[0] * 10)
    for number, (title, kind, link, info, size) in enumerate(
        (
            (b".dynstr", 3, 0, 0, 0),
            (b".dynamic", 6, 1, 0, 16),
            (b".gnu.version_r", 0x6FFFFFFE, 1, int(bool(versions)), 0),
            (b".shstrtab", 3, 0, 0, 0),
        )
    ):
        place = _TITLES.index(title)
        table += _SECTION.pack(place, kind, 0, 0, offsets[number], len(blobs[number]), link, info, 8, size)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, end, 0, 64, 0, 0, 64, 5, 4)
    return header + b"".join(blob + bytes(-len(blob) % 8) for blob in blobs) + table


def _version_needs(versions: Sequence[str], places: dict[str, int]) -> bytes:
    """The section `.gnu.version_r`: one entry for libc.so.6, one below it for each version."""
    if not versions:
        return b""
    needs = struct.pack("<HHIII", 1, len(versions), places["libc.so.6"], 16, 0)
    for number, version in enumerate(versions):
        last = number == len(versions) - 1
        needs += struct.pack("<IHHII", 0, 0, number + 2, places[version], 0 if last else 16)
    return needs
