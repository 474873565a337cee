"""One digest for the files of an artifact, wherever they lie.

The canonical text has one line a file, sorted: role, name, size and sha256 of its bytes, separated by a zero
byte. Its sha256 is the digest; the lines can be checked with `sha256sum`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.model.formats._bytes import our_errors

if TYPE_CHECKING:
    from seatrial.model.artifact import ModelFile

# Big enough that hashlib releases the interpreter lock, small enough to stay in the processor's cache.
PORTION = 1 << 20


def sha256_of(path: Path) -> str:
    """sha256 of a file in hexadecimal, in constant memory."""
    digest = hashlib.sha256()
    portion = bytearray(PORTION)
    view = memoryview(portion)
    with our_errors(path), path.open("rb", buffering=0) as file:
        while count := file.readinto(portion):
            digest.update(view[:count])
    return digest.hexdigest()


def digest_of(files: Sequence[ModelFile], folder: Path) -> str:
    """`sha256:...` over role, name (relative to `folder`), size and bytes of every file."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        sums = list(pool.map(lambda each: sha256_of(each.path), files))
    lines = sorted(
        f"{each.role}\0{_name(each.path, folder)}\0{each.size}\0{digest}\n"
        for each, digest in zip(files, sums, strict=True)
    )
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
