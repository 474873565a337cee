"""A new release of the same network that takes a quarter longer than the one before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seatrial.faults._behaviors import Slower
from seatrial.faults._edits import with_tensors
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._service import served_by
from seatrial.model.weights import read_parameter
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Takes longer; one weight moves by its last bit, for a release that changed nothing is the old one."""
    floats = [each for each in good.artifact.parameters if each.dtype == "float32" and each.nbytes]
    if not floats:
        raise NotApplicable("there are no float32 weights, so a new release cannot be made by their last bit")
    smallest = min(floats, key=lambda each: each.nbytes)
    values = np.array(read_parameter(smallest))
    values.flat[0] = np.nextafter(values.flat[0], np.float32(np.inf))
    changed = with_tensors(good, folder, {smallest.name: values})
    return served_by(replace(good, release=changed), Slower, share=0.25 + 0.05 * (seed % 4))


FAULT = Fault(
    name="slower-than-accepted",
    title=Text("it takes a quarter longer than the release before", "比上一版本慢了四分之一"),
    kind="service",
    checks=frozenset({"performance"}),
    make=make,
    number="F31",
    needs=frozenset({"baseline"}),
)
