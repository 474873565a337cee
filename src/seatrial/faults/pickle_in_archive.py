"""A checkpoint is an archive, and the pickle in it calls a function."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.faults._delivery import Call, packed, state_dict, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    name = ("checkpoint.zip", "model.pt", "weights")[seed % 3]
    return with_files(good, folder, {name: packed({**state_dict(good), "hook": Call(os.getcwd)})})


FAULT = Fault(
    name="pickle-in-archive",
    title=Text("a packed checkpoint runs code when it is loaded", "打包的检查点在加载时会执行代码"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F36",
)
