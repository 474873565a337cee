"""Mean and variance of a batch normalisation are exchanged: both have one shape."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Exchanges the two tensors of one layer.

    Raises:
        NotApplicable: The model has no batch normalisation (folded into the layers before it).
    """
    norm = chosen(Net.of(good).norms(), seed, "the model has no batch normalization with its own tensors")
    swapped = {norm.mean.name: values_of(norm.variance), norm.variance.name: values_of(norm.mean)}
    return with_tensors(good, folder, swapped)


FAULT = Fault(
    name="batch-norm-statistics-swapped",
    title=Text("mean and variance of a batch normalization are swapped", "某个批归一化层的均值与方差互换"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F11",
    cause="weights",
)
