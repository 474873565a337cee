"""A batch normalisation has negative variances: the root of them is NaN."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Turns the sign of one layer's variances.

    Raises:
        NotApplicable: The model has no batch normalisation.
    """
    norm = chosen(Net.of(good).norms(), seed, "the model has no batch normalization with its own tensors")
    return with_tensors(good, folder, {norm.variance.name: -values_of(norm.variance)})


FAULT = Fault(
    name="negative-variance",
    title=Text("a batch normalization has negative variances", "某个批归一化层的方差为负"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F15",
    cause="weights",
)
