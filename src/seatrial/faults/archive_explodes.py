"""An archive of kilobytes unpacks to gigabytes, itself or what is nested in it."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files, zipped
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text

_SIZE = 32 << 20  # a thousandth of it is what is delivered


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    inner = zipped({"zeros.bin": bytes(_SIZE)}, compress=True)
    nested = zipped({"inner.zip": inner}, compress=True) if seed % 2 else inner
    return with_files(good, folder, {"samples.zip": nested})


FAULT = Fault(
    name="archive-explodes",
    title=Text("a delivered archive explodes when it is unpacked", "交付的压缩包解压后急剧膨胀"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F39",
)
