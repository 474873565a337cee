"""Which of the C++ files a contract needs: those its steps include, and what belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath

from seatrial.errors import UnsupportedModel

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "seatrial"
# What every SDK has: the values, the contract's guards, and the two ways to the model.
ALWAYS = ("value.hpp", "contract.hpp", "files.hpp", "pipeline.hpp")
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
_MADE = {"pipeline.cpp", "names.cpp", "unicode_tables.cpp", "answer.hpp"}


def step_file(step: str) -> Path:
    """The header of a step.

    Raises:
        UnsupportedModel: The step has no form in C++.
    """
    path = LIBRARY / "steps" / f"{step}.hpp"
    if not path.exists():
        raise UnsupportedModel(
            f"the step '{step}' has no form in C++",
            hint=f"the step is an extension: give it a seatrial/steps/{step}.hpp among the SDK's sources",
        )
    return path


def library_files(steps: Iterable[str], more: Iterable[str] = ()) -> list[str]:
    """The files of `seatrial/` that these steps need, as paths in it, sorted.

    Args:
        steps: Names.
        more: Headers that are needed anyway, beside `ALWAYS`.
    """
    waiting = [*ALWAYS, *more, *(f"steps/{step_file(each).name}" for each in steps)]
    found: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in found or path in _MADE:
            continue
        found.add(path)
        waiting += _included(path)
        if path.endswith(".hpp"):
            waiting += _bodies(path)
    return sorted(found)


def read(path: str) -> str:
    """A file of this folder."""
    return (HERE / path).read_text("utf-8")


@lru_cache(maxsize=256)
def _included(path: str) -> list[str]:
    folder = PurePosixPath(path).parent
    return [_plain(folder / each) for each in _INCLUDE.findall((LIBRARY / path).read_text("utf-8"))]


def _bodies(header: str) -> list[str]:
    """`picture.cpp`, `picture_png.cpp`... of `picture.hpp`; JSON belongs to the values."""
    stem = PurePosixPath(header).stem
    folder = LIBRARY / PurePosixPath(header).parent
    names = {each.name for each in (*folder.glob(f"{stem}.cpp"), *folder.glob(f"{stem}_*.cpp"))}
    if header == "value.hpp":
        names.add("json.cpp")
    return [_plain(PurePosixPath(header).parent / each) for each in names]


def _plain(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
