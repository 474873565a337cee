"""The model was exported with dropout on: the same input gives another answer every time."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import with_operators
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._net import Net
from seatrial.model import OperatorEdit
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Lets every dropout drop.

    Raises:
        NotApplicable: The exported graph has no dropout that can be switched on.
    """
    found = [
        each for each in Net.of(good).operators if each.type == "dropout" and "is_test" in each.attributes
    ]
    if not found:
        raise NotApplicable("the graph has no dropout that can be switched on")
    return with_operators(good, folder, [OperatorEdit(each.name, {"is_test": False}) for each in found])


FAULT = Fault(
    name="dropout-active",
    title=Text("dropout is active", "Dropout 处于训练模式"),
    kind="graph",
    checks=frozenset({"structure", "consistency"}),
    make=make,
    number="F17",
    cause="dropout",
)
