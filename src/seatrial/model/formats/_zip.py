"""Zip archives from somebody else, as PyTorch and Keras write them: opened, bounded, nothing unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.model.formats._format import Garbled

MAX_ENTRIES = 100_000


@contextmanager
def archive_of(path: Path, *, code: str = "graph-truncated") -> Iterator[zipfile.ZipFile]:
    """The archive with its directory read.

    Args:
        path: The file.
        code: Of the problem that a cut archive becomes.

    Raises:
        Garbled: It has no directory, cannot be read, or has more entries than any model.
    """
    try:
        archive = zipfile.ZipFile(path)
    # Whatever zipfile raises for a directory that damage made into nonsense or into a kind it does not read.
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, EOFError) as error:
        raise Garbled(
            f"the zip has no directory at its end: {error}",
            code=code,
            hint="copy the file again and compare the sizes",
        ) from error
    except OSError as error:
        raise Garbled(f"the zip cannot be read: {error}") from error
    with archive:
        if len(archive.infolist()) > MAX_ENTRIES:
            raise Garbled(f"the zip has more than {MAX_ENTRIES:,} entries")
        yield archive
