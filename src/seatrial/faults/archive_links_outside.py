"""An archive has a link that leads out of its folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    target = ("/etc", "../../../etc")[seed % 2]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("assets")
        link.type, link.linkname = tarfile.SYMTYPE, target
        archive.addfile(link)
    return with_files(good, folder, {"model.tar": buffer.getvalue()})


FAULT = Fault(
    name="archive-links-outside",
    title=Text("a delivered archive links out of its folder", "交付的压缩包含有指向外部的链接"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F39",
)
