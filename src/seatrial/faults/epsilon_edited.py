"""The epsilon of a normalisation is 0.1 instead of 1e-5: another framework's idea of a default."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.faults._edits import chosen, values_of, with_operators
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.model import OperatorEdit
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Edits one batch normalisation, among the half with the smallest variances; else a layer normalisation.

    Raises:
        NotApplicable: The model has no normalisation of its own.
    """
    net = Net.of(good)
    norms = sorted(net.norms(), key=lambda each: float(np.median(values_of(each.variance))))
    found = [each.operator for each in norms[: (len(norms) + 1) // 2]]
    found = found or [each for each in net.operators if each.type in ("layer_norm", "LayerNormalization")]
    operator = chosen(found, seed, "the model has no normalization of its own")
    return with_operators(good, folder, [OperatorEdit(operator.name, {"epsilon": 0.1})])


FAULT = Fault(
    name="epsilon-edited",
    title=Text("the epsilon of a normalization is 0.1", "某个归一化层的 epsilon 被改为 0.1"),
    kind="graph",
    checks=frozenset({"structure", "consistency", "accuracy"}),
    make=make,
    number="F19",
    cause="operator",
    needs=frozenset({"baseline"}),
)
