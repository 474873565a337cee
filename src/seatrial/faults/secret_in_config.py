"""A key, a token or a password was left in a configuration."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._secrets import planted
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    return with_files(good, folder, {"deploy.yaml": f"service: reader\n{planted(seed)}\n".encode()})


FAULT = Fault(
    name="secret-in-config",
    title=Text("a key lies in a delivered configuration", "交付的配置里留有密钥"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F40",
)
