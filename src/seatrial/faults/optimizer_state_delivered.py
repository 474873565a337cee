"""The state of the training goes out with the model."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import pickled, state_dict, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    name = ("inference.pdopt", "checkpoint/last.pdparams")[seed % 2]
    return with_files(good, folder, {name: pickled(state_dict(good))})


FAULT = Fault(
    name="optimizer-state-delivered",
    title=Text("the training's state is delivered", "把训练状态也交付了"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F48",
)
