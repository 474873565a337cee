"""Bytes of a file, in bounded portions and with our errors."""

from __future__ import annotations

import mmap
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.errors import NotFound, UsageError
from seatrial.model.formats._format import Garbled

HEAD = 4096


@contextmanager
def our_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says about `path` into our errors."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(
            f"no file {path}", hint="check the path; a dangling link looks like this too"
        ) from error
    except PermissionError as error:
        raise UsageError(f"no permission to read {path}", hint="change its mode or its owner") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise UsageError(f"{path} cannot be read: {error}", hint="check the disk and the path") from error


def is_regular(path: Path) -> bool:
    """Whether `path` is a file with an end: no folder, no pipe, no device."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def size_of(path: Path) -> int:
    """Bytes of a file."""
    with our_errors(path):
        return path.stat().st_size


def head(path: Path, count: int = HEAD) -> bytes:
    """The first bytes of a file; empty when it cannot be read (sniffing never raises)."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except (OSError, ValueError):
        return b""


def whole(path: Path, *, limit: int) -> bytes:
    """All bytes of a file that must fit into memory.

    Raises:
        Garbled: It is larger than `limit`.
    """
    size = size_of(path)
    if size > limit:
        raise Garbled(
            f"the graph is {size:,} bytes; more than {limit:,} are not read",
            code="graph-too-large",
            hint="a graph holds no weights and is seldom over a few megabytes: is this the right file?",
        )
    with our_errors(path), path.open("rb") as file:
        return file.read(limit + 1)


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes without reading them: only pages that are looked at come into memory."""
    with our_errors(path):
        file = path.open("rb")
    with file:
        if size_of(path) == 0:
            yield memoryview(b"")
            return
        with our_errors(path):
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(pages)
        try:
            yield view
        finally:
            _release(view, pages)


def _release(view: memoryview, pages: mmap.mmap) -> None:
    """Unmaps at once where nothing refers to the pages any more, and with the last reference otherwise."""
    try:
        view.release()
        pages.close()
    except BufferError:
        return
