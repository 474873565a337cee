"""One bit of one weight, flipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Good, Release
from seatrial.faults._net import Net


def flipped(good: Good, folder: Path, seed: int, *, bit: int) -> Release:
    """The good release with one bit of one float32 weight flipped.

    The weight is among the largest tenth of its layer, so that the flip is not lost in rounding.

    Args:
        good: The good release.
        folder: Where the broken model goes.
        seed: Chooses layer and weight.
        bit: 0 is the lowest of the mantissa, 30 the highest of the exponent, 31 the sign.

    Raises:
        NotApplicable: No layer has float32 weights.
    """
    layers = [each for each in Net.of(good).layers() if each.weight.dtype == "float32"]
    weight = chosen(layers, seed, "no layer with float32 weights was found").weight
    values = values_of(weight)
    flat = values.reshape(-1)
    # An exponent bit makes a number below 2 huge, one of 2 and more tiny: take the largest below 2.
    order = np.argsort(np.where(np.abs(flat) < 2, np.abs(flat), -1.0), kind="stable")
    place = order[-1 - int(np.random.default_rng([seed, 1]).integers(max(1, len(order) // 10)))]
    flat.view(np.uint32)[place] ^= np.uint32(1 << bit)
    return with_tensors(good, folder, {weight.name: values})
