"""Some held-out samples were damaged on their way here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seatrial.contract.sample import Payload
from seatrial.faults._data import drawn, judged_on
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text

_SHARE = 0.05


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    samples = list(good.release.held_out.samples)
    for place in drawn(len(samples), _SHARE, seed):
        samples[place] = replace(samples[place], payload=_damaged(samples[place].payload))
    return judged_on(good, samples)


def _damaged(payload: Payload) -> Payload:
    """Cut short, or full of what is no number."""
    if isinstance(payload, Path):
        payload = payload.read_bytes()
    if isinstance(payload, bytes):
        return payload[: len(payload) // 8]
    if isinstance(payload, np.ndarray) and payload.dtype.kind == "f":
        return np.full_like(payload, np.nan)
    raise NotApplicable("samples of this kind are never damaged beyond reading")


FAULT = Fault(
    name="held-out-damaged",
    title=Text("some held-out samples cannot be read", "部分留出样本已损坏"),
    kind="data",
    checks=frozenset({"accuracy"}),
    make=make,
)
