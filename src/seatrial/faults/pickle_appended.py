"""A second pickle lies behind the end of a good one; whoever loads twice runs it."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.faults._delivery import Call, pickled, state_dict, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    payload = pickled(Call(os.getcwd)) if seed % 2 else pickled(Call(os.getcwd))[:-1] + b"\x00"
    return with_files(good, folder, {"last.pdparams": pickled(state_dict(good)) + payload})


FAULT = Fault(
    name="pickle-appended",
    title=Text("a second pickle hides behind the first", "第一个 pickle 之后还藏着另一个"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F36",
)
