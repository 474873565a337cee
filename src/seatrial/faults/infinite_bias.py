"""One value of a bias is infinite: a training that had diverged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Sets one value of one bias.

    Raises:
        NotApplicable: No layer has a bias.
    """
    net = Net.of(good)
    biases = [each.bias for each in net.layers() if each.bias] or [each.shift for each in net.norms()]
    bias = chosen(biases, seed, "no layer has a bias")
    values = values_of(bias)
    values.reshape(-1)[int(np.random.default_rng([seed, 1]).integers(values.size))] = np.inf
    return with_tensors(good, folder, {bias.name: values})


FAULT = Fault(
    name="infinite-bias",
    title=Text("one bias is infinite", "某个偏置为无穷大"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F15",
    cause="weights",
)
