"""A pooling takes the mean where it took the maximum, or the other way round."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, with_operators
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import Net
from seatrial.model import Operator, OperatorEdit
from seatrial.text import Text

_ONNX = {
    "MaxPool": OperatorEdit("", {"dilations": None, "storage_order": None}, "AveragePool"),
    "AveragePool": OperatorEdit("", {"count_include_pad": None}, "MaxPool"),
    "GlobalMaxPool": OperatorEdit("", {}, "GlobalAveragePool"),
    "GlobalAveragePool": OperatorEdit("", {}, "GlobalMaxPool"),
}


def make(good: Good, folder: Path, seed: int) -> Release:
    """Changes one pooling; a maximum that becomes a mean where there is one.

    Raises:
        NotApplicable: The model has no pooling.
    """
    edits = [edit for each in Net.of(good).operators if (edit := _edit(each)) is not None]
    usual = [edit for edit in edits if edit.attributes.get("pooling_type") == "avg" or "Average" in edit.type]
    return with_operators(good, folder, [chosen(usual or edits, seed, "the model has no pooling")])


def _edit(operator: Operator) -> OperatorEdit | None:
    if operator.type == "pool2d":
        other = {"max": "avg", "avg": "max"}.get(str(operator.attributes.get("pooling_type")))
        return OperatorEdit(operator.name, {"pooling_type": other}) if other else None
    pattern = _ONNX.get(operator.type)
    if pattern is None or len(operator.outputs) != 1:
        return None
    return OperatorEdit(operator.name, pattern.attributes, pattern.type)


FAULT = Fault(
    name="pooling-changed",
    title=Text("a pooling takes the mean instead of the maximum", "某个池化由最大改为平均"),
    kind="graph",
    checks=frozenset({"structure", "consistency", "accuracy"}),
    make=make,
    number="F19",
    cause="operator",
    needs=frozenset({"baseline"}),
)
