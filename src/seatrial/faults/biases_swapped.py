"""Two biases of one shape are exchanged, as a sorted list of names does it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Exchanges the biases of two layers, batch normalisations among them.

    Raises:
        NotApplicable: No two biases of one shape differ.
    """
    net = Net.of(good)
    biases = [each.bias for each in net.layers() if each.bias] + [each.shift for each in net.norms()]
    by_name = {each.name: each for each in biases}
    pairs = [
        (one, other)
        for one, other in combinations(by_name.values(), 2)
        if one.shape == other.shape and not np.array_equal(values_of(one), values_of(other))
    ]
    one, other = chosen(pairs, seed, "no two biases of one shape were found")
    return with_tensors(good, folder, {one.name: values_of(other), other.name: values_of(one)})


FAULT = Fault(
    name="biases-swapped",
    title=Text("two biases of one shape are swapped", "两个形状相同的偏置互换"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F11",
    cause="weights",
    needs=frozenset({"baseline"}),
)
