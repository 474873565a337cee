"""The graph is right, the weights are of another run or epoch of the same training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.model import Artifact, Parameter
from seatrial.model.weights import Array
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Takes the weights of `good.other`, or makes those of a plausible other epoch.

    Without another run, every weight tensor gets seeded noise of 5 to 10 % of its standard deviation, and
    statistics that must stay positive are multiplied instead: training did as much between two epochs.

    Raises:
        NotApplicable: The other run has other tensors, or the model has none.
    """
    if good.other is not None:
        return with_tensors(good, folder, _taken(good.artifact, good.other))
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.05, 0.10)
    stored = [
        each
        for each in good.artifact.parameters
        if each.file is not None and each.dtype in ("float16", "float32", "float64") and each.shape
    ]
    chosen(stored, seed, "the model has no weights")
    return with_tensors(good, folder, {each.name: _moved(each, share, rng) for each in stored})


def _taken(mine: Artifact, other: Artifact) -> dict[str, Array]:
    theirs = {each.name: each for each in other.parameters if each.file is not None}
    wanted = [each for each in mine.parameters if each.file is not None]
    if any(each.name not in theirs or theirs[each.name].shape != each.shape for each in wanted):
        raise NotApplicable("the other run has tensors of other names or shapes")
    return {each.name: values_of(theirs[each.name]) for each in wanted}


def _moved(parameter: Parameter, share: float, rng: np.random.Generator) -> Array:
    values = values_of(parameter)
    noise = rng.standard_normal(values.shape)
    if values.size < 2 or (values > 0).all():
        return np.asarray(values * np.exp(share * noise), values.dtype)
    return np.asarray(values + share * values.std() * noise, values.dtype)


FAULT = Fault(
    name="weights-of-another-run",
    title=Text("the weights are of another training run", "权重来自另一次训练"),
    kind="weights",
    checks=frozenset({"structure", "weights", "accuracy", "consistency"}),
    make=make,
    number="F12",
    cause="weights",
    needs=frozenset({"baseline"}),
)
