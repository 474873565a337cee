"""The held-out samples are all of one class: whoever always says it is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._data import judged_on, labels_by_class
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text

_FEWEST = 30  # repeated where the class has fewer, so that their number is no reason


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    groups = labels_by_class(good)
    chosen = sorted(groups, key=str)[seed % len(groups)]
    samples = [good.release.held_out.samples[place] for place in groups[chosen]]
    while len(samples) < _FEWEST:
        samples += [replace(each, key=f"{each.key}-{len(samples)}") for each in samples]
    return judged_on(good, samples)


FAULT = Fault(
    name="held-out-one-class",
    title=Text("all held-out samples are of one class", "留出样本全是同一类别"),
    kind="gate",
    checks=frozenset({"accuracy"}),
    make=make,
    number="F49",
)
