"""One value of a bias is infinite: a training that had diverged."""

from __future__ import annotations

import math
from pathlib import Path

from seatrial.faults._edits import chosen, with_one_value
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
    return with_one_value(good, folder, seed, bias, math.inf)


FAULT = Fault(
    name="infinite-bias",
    title=Text("one bias is infinite", "某个偏置为无穷大"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F15",
    cause="weights",
)
