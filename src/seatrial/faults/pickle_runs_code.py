"""A file beside the model is a pickle that calls a function when it is loaded, whatever its name is."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.faults._delivery import Call, pickled, state_dict, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text

_NAMES = ("optimizer.pdopt", "last.pdparams", "inference.pdiparams.info", "state", "tokenizer.model")


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    name = _NAMES[seed % len(_NAMES)]
    return with_files(good, folder, {name: pickled({**state_dict(good), "hook": Call(os.getcwd)})})


FAULT = Fault(
    name="pickle-runs-code",
    title=Text("a delivered file runs code when it is loaded", "交付的文件在加载时会执行代码"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F36",
)
