"""An activation became another one: Swish for hard Swish, another slope of a hard sigmoid."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, with_operators
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.model import OperatorEdit
from seatrial.text import Text

# Slopes and limits that frameworks do not agree on, and types of one signature.
_SLOPES = {"hard_sigmoid": ("slope", 0.1), "HardSigmoid": ("alpha", 0.1)}
_TYPES = {
    "relu": "sigmoid",
    "Relu": "Sigmoid",
    "hard_swish": "relu",
    "hardswish": "relu",
    "HardSwish": "Relu",
}


def make(good: Good, folder: Path, seed: int) -> Release:
    """Changes one activation.

    Raises:
        NotApplicable: The model has no activation of a kind that can be exchanged.
    """
    edits = []
    for each in Net.of(good).operators:
        if each.type in _SLOPES:
            name, slope = _SLOPES[each.type]
            edits.append(OperatorEdit(each.name, {name: slope}))
        elif each.type in _TYPES:
            edits.append(OperatorEdit(each.name, {}, _TYPES[each.type]))
    return with_operators(good, folder, [chosen(edits, seed, "no activation can be exchanged")])


FAULT = Fault(
    name="activation-changed",
    title=Text("an activation function is another one", "某个激活函数被换成另一种"),
    kind="graph",
    checks=frozenset({"structure", "consistency", "accuracy"}),
    make=make,
    number="F19",
    cause="operator",
    needs=frozenset({"baseline"}),
)
