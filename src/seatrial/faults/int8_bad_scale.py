"""A layer was quantised with a bad scale: sixteen steps where there should be 256."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Rounds one layer's weights to a grid of four bits that reaches half of their range.

    Raises:
        NotApplicable: No layer has weights enough to be worth quantising.
    """
    large = [each for each in Net.of(good).layers() if np.prod(each.weight.shape) >= _FEWEST]
    weight = chosen(large, seed, f"no layer has {_FEWEST} weights").weight
    values = values_of(weight)
    step = np.abs(values).max() / 16
    grid = np.clip(np.round(values / step), -8, 7) * step
    return with_tensors(good, folder, {weight.name: np.asarray(grid, values.dtype)})


_FEWEST = 32


FAULT = Fault(
    name="int8-bad-scale",
    title=Text("a layer is quantized with a bad scale", "某一层以错误的比例量化"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F27",
    cause="quantization",
    needs=frozenset({"baseline"}),
)
