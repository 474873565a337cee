"""What tells one delivery of files from the next without reading them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

MOST_FILES = 10_000

_NEVER_READ = (".log", ".tmp", ".part")

# Name, size, time of change and identity of each file.
Entry = tuple[str, int, int, int]
Stamp = tuple[Entry, ...]


def stamp_of(folder: Path, *, deep: bool = True) -> Stamp:
    """Of the files of a folder, hidden ones and logs left out; `deep`: and of its sub-folders."""
    return tuple(sorted(islice(_entries(folder, folder, deep=deep), MOST_FILES)))


def stamp_of_files(files: Sequence[Path]) -> Stamp:
    """Of these files; what is not there is left out."""
    return tuple(_entry(each.name, each.stat()) for each in files if each.exists())


def _entries(folder: Path, root: Path, *, deep: bool) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.endswith(_NEVER_READ):
                continue
            if entry.is_dir():
                if deep and not entry.is_symlink():
                    yield from _entries(Path(entry.path), root, deep=True)
            else:
                try:
                    yield _entry(str(Path(entry.path).relative_to(root)), entry.stat())
                except FileNotFoundError:
                    continue  # it went while we looked


def _entry(name: str, stat: os.stat_result) -> Entry:
    return (name, stat.st_size, stat.st_mtime_ns, stat.st_ino)
