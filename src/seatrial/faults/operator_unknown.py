"""An operator is of a type that no runtime knows: a plug-in that was not delivered."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, with_operators
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.model import OperatorEdit
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Gives one operator a type that does not exist.

    Raises:
        NotApplicable: The graph has no operator.
    """
    plain = [each for each in Net.of(good).operators if "." not in each.type and each.type != "Constant"]
    operator = chosen(plain, seed, "the graph has no operator")
    return with_operators(good, folder, [OperatorEdit(operator.name, {}, f"{operator.type}_nope")])


FAULT = Fault(
    name="operator-unknown",
    title=Text("the graph has an operator nobody knows", "计算图中有未知算子"),
    kind="graph",
    checks=frozenset({"structure"}),
    make=make,
)
