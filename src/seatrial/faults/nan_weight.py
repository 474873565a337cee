"""One weight is NaN; Paddle's ReLU hides it, and the answers stay finite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Sets one weight of one layer.

    Raises:
        NotApplicable: No layer has weights.
    """
    weight = chosen(Net.of(good).layers(), seed, "no layer with weights was found").weight
    values = values_of(weight)
    values.reshape(-1)[int(np.random.default_rng([seed, 1]).integers(values.size))] = np.nan
    return with_tensors(good, folder, {weight.name: values})


FAULT = Fault(
    name="nan-weight",
    title=Text("one weight is NaN", "某个权重为 NaN"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F14",
    cause="weights",
)
