"""Training samples were copied into the held-out set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seatrial.faults._data import drawn, judged_on
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text

_SHARE = 0.2


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    held_out = good.release.held_out
    if not held_out.members:
        raise NotApplicable("no training samples are known")
    samples = list(held_out.samples)
    random = np.random.default_rng(seed)
    for place in drawn(len(samples), _SHARE, seed):
        member = held_out.members[int(random.integers(len(held_out.members)))]
        samples[place] = replace(member, key=f"again-{place}")
    return judged_on(good, samples)


FAULT = Fault(
    name="members-held-out",
    title=Text("a fifth of the held-out samples are training samples", "留出集中有五分之一来自训练集"),
    kind="data",
    checks=frozenset({"accuracy"}),
    make=make,
    number="F44",
    needs=frozenset({"members"}),
)
