"""One weight is NaN; Paddle's ReLU hides it, and the answers stay finite."""

from __future__ import annotations

import math
from pathlib import Path

from seatrial.faults._edits import chosen, with_one_value
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Sets one weight of one layer.

    Raises:
        NotApplicable: No layer has weights.
    """
    weight = chosen(Net.of(good).layers(), seed, "no layer with weights was found").weight
    return with_one_value(good, folder, seed, weight, math.nan)


FAULT = Fault(
    name="nan-weight",
    title=Text("one weight is NaN", "某个权重为 NaN"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F14",
    cause="weights",
)
