"""Held-out samples were copied into the training set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._data import drawn, judged_on
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text

_SHARE = 0.2


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    held_out = good.release.held_out
    leaked = [held_out.samples[place] for place in drawn(len(held_out), _SHARE, seed)]
    again = [replace(each, key=f"train-{each.key}") for each in leaked]
    return judged_on(good, held_out.samples, members=(*held_out.members, *again))


FAULT = Fault(
    name="trained-on-held-out",
    title=Text("a fifth of the held-out samples were trained on", "五分之一的留出样本参与了训练"),
    kind="data",
    checks=frozenset({"accuracy"}),
    make=make,
    number="F44",
)
