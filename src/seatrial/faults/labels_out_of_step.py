"""The list of labels is a line off: each sample has the label of the next one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seatrial.faults._data import judged_on
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    samples = good.release.held_out.samples
    step = 1 + seed % 3
    labels = [each.label for each in samples]
    moved = labels[step:] + labels[:step]
    if sum(_plain(a) != _plain(b) for a, b in zip(labels, moved, strict=True)) < 0.1 * len(labels):
        raise NotApplicable("the labels of neighboring samples are the same")
    return judged_on(good, [replace(each, label=label) for each, label in zip(samples, moved, strict=True)])


def _plain(label: object) -> str:
    return str(label.tolist() if isinstance(label, np.ndarray) else label)


FAULT = Fault(
    name="labels-out-of-step",
    title=Text("labels and samples are out of step", "标签与样本错行"),
    kind="data",
    checks=frozenset({"accuracy"}),
    make=make,
)
