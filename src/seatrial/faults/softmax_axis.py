"""The last softmax runs over another axis: over the batch, or over time."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import with_operators
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._net import Net
from seatrial.model import OperatorEdit
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Moves the axis by one: over the batch for [batch, class], over time for [batch, time, class].

    Raises:
        NotApplicable: The graph does not end in a softmax over a known number of axes.
    """
    head = Net.of(good).head()
    rank = len(good.artifact.outputs[0].shape) if len(good.artifact.outputs) == 1 else 0
    if head is None or head.type not in ("softmax", "Softmax") or rank < 2:
        raise NotApplicable("the graph does not end in a softmax")
    axis = head.attributes.get("axis", -1)
    moved = (int(axis) % rank - 1) % rank
    return with_operators(good, folder, [OperatorEdit(head.name, {"axis": moved})])


FAULT = Fault(
    name="softmax-axis",
    title=Text("the last softmax runs over the wrong axis", "最后的 softmax 作用在错误的轴上"),
    kind="graph",
    checks=frozenset({"interface", "accuracy", "consistency", "structure"}),
    make=make,
    number="F19",
    cause="operator",
)
