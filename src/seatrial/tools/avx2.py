"""An older x86: the processor that most servers of before 2019 are, emulated on this machine.

It has AVX2 and no VNNI. There 8-bit products are added up in 16 bits, which saturate, so an int8 model may
answer otherwise than on the machine that it was made on.
"""

from __future__ import annotations

import platform
from pathlib import Path

from seatrial.tools._apt import APT
from seatrial.tools._emulators import emulator, recipe
from seatrial.tools._tool import Found, Tool

PROCESSOR = "x86_64"
# AVX2 and FMA, neither AVX-512 nor VNNI, in every version of qemu; `max` may get them one day.
# What is switched off is for kernels; qemu would warn that it does not emulate them.
MODEL = "Haswell-noTSX,-pcid,-x2apic,-tsc-deadline,-invpcid"

_RECIPE = f"""\
NEW="$SIDE/avx2.new"
rm -rf "$NEW"
mkdir -p "$NEW"
{APT}{recipe(PROCESSOR)}rm -rf "$NEW"
"""


def emulator_line() -> tuple[str, ...] | None:
    """Starts a program of this machine on the older processor; None when the emulator is not there."""
    found = emulator(PROCESSOR)
    return (str(found), "-cpu", MODEL) if found is not None and platform.machine() == "x86_64" else None


def _find() -> Found | None:
    line = emulator_line()
    return None if line is None else Found(Path(line[0]))


TOOL = Tool(
    name="avx2",
    summary="emulated x86-64 with AVX2 and without VNNI: does an older server answer the same",
    find=_find,
    recipe=_RECIPE,
    size="11 MB",
    license="GPL-2.0 (qemu)",
)
