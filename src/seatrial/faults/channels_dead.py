"""Half of a convolution's channels are zero: a pruning that went wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Sets the first half of one layer's output channels to zero.

    Raises:
        NotApplicable: No layer has channels enough.
    """
    wide = [each for each in Net.of(good).layers()[:-1] if each.outputs >= 4]
    layer = chosen(wide, seed, "no layer before the last one has four channels")
    channels = np.moveaxis(values_of(layer.weight), layer.axis, 0)
    channels[: layer.outputs // 2] = 0
    values = np.moveaxis(channels, 0, layer.axis)
    return with_tensors(good, folder, {layer.weight.name: values})


FAULT = Fault(
    name="channels-dead",
    title=Text("half of the channels of a layer are dead", "某一层有一半通道失效"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F16",
    cause="weights",
)
