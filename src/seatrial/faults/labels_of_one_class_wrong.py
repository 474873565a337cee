"""The labels of one class were mixed with the others' by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seatrial.faults._data import judged_on, labels_by_class
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    groups = labels_by_class(good)
    names = sorted(groups, key=str)
    wronged = max(names, key=lambda each: (len(groups[each]), (names.index(each) + seed) % len(names)))
    others = [each for each in names if each != wronged]
    samples = list(good.release.held_out.samples)
    random = np.random.default_rng(seed)
    for place in groups[wronged]:
        samples[place] = replace(samples[place], label=others[int(random.integers(len(others)))])
    return judged_on(good, samples)


FAULT = Fault(
    name="labels-of-one-class-wrong",
    title=Text("the labels of one class are wrong", "某一类别的标签全错"),
    kind="data",
    checks=frozenset({"accuracy"}),
    make=make,
)
