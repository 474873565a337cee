"""The last softmax or sigmoid is gone: numbers where probabilities were promised."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import with_operators
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._net import Net
from seatrial.model import OperatorEdit
from seatrial.text import Text

_LAST = frozenset({"softmax", "Softmax", "sigmoid", "Sigmoid"})


def make(good: Good, folder: Path, _: int) -> Release:
    """Lets the last softmax or sigmoid pass its input on.

    Raises:
        NotApplicable: The graph does not end in one.
    """
    head = Net.of(good).head()
    if head is None or head.type not in _LAST:
        raise NotApplicable("the graph does not end in a softmax or sigmoid")
    taken = {name: None for name in head.attributes if name in ("axis", "use_cudnn", "data_format")}
    passing = "Identity" if good.artifact.format == "onnx" else "assign"
    return with_operators(good, folder, [OperatorEdit(head.name, taken, passing)])


FAULT = Fault(
    name="logits-not-probabilities",
    title=Text("the model gives logits instead of probabilities", "模型输出 logits 而非概率"),
    kind="graph",
    checks=frozenset({"interface", "accuracy", "consistency", "structure"}),
    make=make,
    number="F25",
    cause="softmax",
)
