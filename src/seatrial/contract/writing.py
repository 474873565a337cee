"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A finished file in the folder of `path`, for the caller to put in its place; gone at the end.

    Args:
        path: Where the data will lie.
        data: All of it; on the disk when the caller sees the file.

    Raises:
        OSError: It cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o644)
        yield beside
    finally:
        beside.unlink(missing_ok=True)
