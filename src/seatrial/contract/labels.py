"""Label maps, dictionaries and vocabularies: lists of names by index, and their fingerprints.

A list that lost one line, gained one or was shifted still loads everywhere and answers wrongly from there on;
the fingerprint is what notices (M03).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.errors import ContractViolation

LARGEST_FILE = 64 << 20


def fingerprint(names: Sequence[str]) -> str:
    """`sha256:...` over the names, one a line: what `sha256sum` says of the list as a text file."""
    return "sha256:" + hashlib.sha256(as_lines(names)).hexdigest()


def as_lines(names: Sequence[str]) -> bytes:
    """The list as a text file: UTF-8, one name a line."""
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogatepass")


def check_names(names: Sequence[str], what: str, *, expected: str = "") -> None:
    """Refuses a list that is not the one that was vouched for, or that cannot be right.

    Args:
        names: Names by index.
        what: `labels` or `vocabulary`, for the error.
        expected: The fingerprint it must have; empty when there is none. One that matches vouches for
            names that occur twice (ImageNet has two cranes).

    Raises:
        ContractViolation: Says what is wrong with the list.
    """
    broken = next((place for place, name in enumerate(names) if "\n" in name or "\r" in name), None)
    if broken is not None:
        raise ContractViolation(f"{what}[{broken}] holds a line break")
    if expected:
        found = fingerprint(names)
        if found != expected:
            raise ContractViolation(
                f"the {what} are not those of this contract: {len(names)} entries with fingerprint {found}, "
                f"expected {expected}",
                hint="an entry is missing, added, moved or changed: take the file that belongs to the model, "
                "or write the new fingerprint if the change is meant",
            )
        return
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise ContractViolation(
            f"{what}: {name!r} stands there {count} times (first at {list(names).index(name)})",
            hint="if that is meant, write the list's fingerprint into 'fingerprints'",
        )


def read_names(path: Path) -> tuple[str, ...]:
    """Names from a file: one a line, a JSON list, or a JSON object between names and indices.

    Lines are taken as they are, spaces included: a dictionary may hold a space as a character.

    Raises:
        ContractViolation: The file cannot be read, or its indices have holes or meet twice.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device has no end
            raise ContractViolation(f"'{path.name}' is no file")
        if path.stat().st_size > LARGEST_FILE:
            raise ContractViolation(
                f"'{path.name}' is larger than {LARGEST_FILE >> 20} MiB, which is no list of names"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ContractViolation(f"'{path.name}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ContractViolation(f"'{path.name}' is not UTF-8 (byte {error.start})") from error
    if path.suffix == ".json":
        return _from_json(text, path.name)
    lines = text.replace("\r\n", "\n").split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)


def inside(root: Path, name: str, *, store: Path | None = None) -> Path:
    """The file called `name` under `root`.

    Args:
        root: The contract's folder.
        name: Relative to it.
        store: Folder that links may lead into as well: where the contract itself really lies, because a model
            store links every file of a model into a folder of its own.

    Raises:
        ContractViolation: The name leads out of the folder: a contract must not read what is not its own.
    """
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name or ":" in name:
        raise ContractViolation(f"'{name}' must be a file in the contract's own folder, by a relative name")
    file = root / pure
    try:
        real, homes = file.resolve(), [each.resolve() for each in (root, store) if each is not None]
    except (OSError, RuntimeError) as error:
        raise ContractViolation(f"'{name}' is a link that leads nowhere") from error
    if not any(real.is_relative_to(home) for home in homes):
        raise ContractViolation(f"'{name}' is a link that leads out of the contract's own folder")
    return file


def _from_json(text: str, where: str) -> tuple[str, ...]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractViolation(f"'{where}' is no JSON: {error}") from error
    if isinstance(data, list) and all(isinstance(each, str) for each in data):
        return tuple(data)
    if isinstance(data, dict):
        return from_mapping(data, where)
    raise ContractViolation(f"'{where}' must hold a list of names, or names by index")


def from_mapping(data: dict[Any, Any], where: str) -> tuple[str, ...]:
    """Names by index from `{"0": "cat"}` or `{"cat": 0}`.

    Raises:
        ContractViolation: An index is missing or occurs twice.
    """
    pairs: list[tuple[int, str]] = []
    for key, value in data.items():
        if isinstance(value, int) and not isinstance(value, bool):
            pairs.append((value, str(key)))
        elif isinstance(value, str) and str(key).isdecimal():
            pairs.append((int(key), value))
        else:
            raise ContractViolation(f"'{where}': {key!r}: {value!r} is no pair of a name and an index")
    pairs.sort()
    for place, (index, name) in enumerate(pairs):
        if index != place:
            problem = (
                "occurs twice"
                if place and index == pairs[place - 1][0]
                else f"comes where {place} is missing"
            )
            raise ContractViolation(
                f"'{where}': index {index} ({name!r}) {problem}", hint="indices go from 0 on"
            )
    return tuple(name for _, name in pairs)
