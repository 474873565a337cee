"""Compiles what the C++ SDK is made of; skips with the reason where there is no compiler."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

WARNINGS = ("-Wall", "-Wextra", "-Werror")


def needs(*tools: str) -> None:
    """Skips the test when a tool is not on this machine."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on this machine")


@functools.cache
def compiles(code: str, *flags: str) -> bool:
    """Whether the compiler takes and links this program: how a library is looked for."""
    command = ["g++", "-std=c++17", "-x", "c++", "-", "-o", "/dev/null", *flags]
    return subprocess.run(command, input=code, text=True, capture_output=True).returncode == 0


def jpeg_flags() -> tuple[list[str], list[str]]:
    """Flags for the compiler and the linker where libjpeg's headers are."""
    if compiles("#include <cstdio>\n#include <jpeglib.h>\nint main() { return 0; }", "-ljpeg"):
        return ["-DSEATRIAL_WITH_JPEG"], ["-ljpeg"]
    return [], []


def compile_all(files: Iterable[Path], target: Path, flags: Sequence[str] = ()) -> list[Path]:
    """Object files, compiled two at a time; warnings are errors.

    Args:
        files: `.cpp` files.
        target: Objects are named after it: `target.STEM.o`.
        flags: For the compiler.
    """
    target.parent.mkdir(parents=True, exist_ok=True)

    def compile_one(source: Path) -> Path:
        made = target.parent / f"{target.name}.{source.stem}.o"
        _run(["g++", "-std=c++17", "-pthread", *WARNINGS, *flags, "-c", str(source), "-o", str(made)])
        return made

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(compile_one, files))


def link(objects: Iterable[Path], program: Path, libraries: Sequence[str] = ()) -> Path:
    """A program of objects."""
    _run(["g++", "-pthread", *map(str, objects), *libraries, "-o", str(program)])
    return program


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stderr[:4000]}")
