"""The delivered requirements name versions that were never tried here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from seatrial import lazy
from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    have = lazy.version("numpy")
    other = f"{int(have.split('.')[0]) - 1}.{seed % 9}.0"
    digest = hashlib.sha256(other.encode()).hexdigest()
    return with_files(good, folder, {"requirements.txt": f"numpy=={other} --hash=sha256:{digest}\n".encode()})


FAULT = Fault(
    name="requirements-of-another-time",
    title=Text("delivered requirements are not what was tried", "交付的依赖清单与实际试验的版本不一致"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F48",
)
