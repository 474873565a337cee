"""The folder of the version control goes out with the model."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del seed
    files = {".git/HEAD": b"ref: refs/heads/main\n", ".git/config": b"[core]\n\tbare = false\n"}
    return with_files(good, folder, files)


FAULT = Fault(
    name="version-history-delivered",
    title=Text("the version history is delivered", "把版本库目录也交付了"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F48",
)
