"""The normalisation was folded into the first layer three times too strong."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import values_of, with_tensors
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Multiplies the first layer's weights by three (or a third); its bias stays.

    Raises:
        NotApplicable: The model has no layer with weights.
    """
    layers = Net.of(good).layers()
    if not layers:
        raise NotApplicable("no dense layer and no convolution with weights was found")
    weight = layers[0].weight
    factor = 3.0 if seed % 2 == 0 else 1 / 3
    return with_tensors(good, folder, {weight.name: values_of(weight) * factor})


FAULT = Fault(
    name="normalization-folded-wrongly",
    title=Text(
        "the normalization is folded into the first layer with the wrong factor",
        "归一化以错误的系数折叠进第一层",
    ),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "interface", "consistency"}),
    make=make,
    number="F22",
    cause="weights",
)
