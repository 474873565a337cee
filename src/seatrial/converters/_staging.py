"""Where results grow before they are believed: whole in their place, or not there at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.errors import UsageError


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A folder beside `out` for everything on the way, gone afterwards.

    Raises:
        UsageError: `out` is there and not an empty folder, or cannot be made.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and not an empty folder", hint="give another place")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.resolve().parent))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, out: Path) -> None:
    """Makes a staged folder `out`, in one step."""
    folder.chmod(0o755)
    # Replaces an empty folder, and only an empty one.
    folder.replace(out)
