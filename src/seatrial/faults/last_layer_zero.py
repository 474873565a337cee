"""The last layer was never loaded: all its weights are zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Sets the last layer's weights to zero; its bias stays.

    Raises:
        NotApplicable: The model has no layer with weights.
    """
    weight = Net.of(good).last().weight
    return with_tensors(good, folder, {weight.name: np.zeros_like(values_of(weight))})


FAULT = Fault(
    name="last-layer-zero",
    title=Text("the last layer is all zero", "最后一层全为零"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "interface"}),
    make=make,
    number="F15",
    cause="weights",
)
