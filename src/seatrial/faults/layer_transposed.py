"""A dense layer is stored with its axes exchanged: rows where columns should be."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Writes the transposed values in the old shape, as a converter between frameworks does.

    Raises:
        NotApplicable: No layer has a matrix (two sides of more than one).
    """
    layers = Net.of(good).layers()
    flat = [each for each in layers if each.kind == "dense" and min(each.weight.shape) > 1]
    # A convolution's kernel of height and width is such a matrix too.
    kernels = [each for each in layers if min(each.weight.shape[:2]) > 1]
    weight = chosen(flat or kernels, seed, "no layer has a matrix of weights").weight
    values = values_of(weight)
    axes = (1, 0, *range(2, values.ndim))
    return with_tensors(good, folder, {weight.name: values.transpose(axes).reshape(values.shape)})


FAULT = Fault(
    name="layer-transposed",
    title=Text("a dense layer is stored transposed", "某个全连接层被转置存储"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "interface", "consistency"}),
    make=make,
    cause="weights",
)
