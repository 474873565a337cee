"""A convolution is padded on one side only, as TensorFlow's SAME does with an even size."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, with_operators
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import CONVOLUTION, Net
from seatrial.model import Operator, OperatorEdit
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Moves all padding of one convolution to its end; the shapes stay.

    Raises:
        NotApplicable: No convolution is padded.
    """
    padded = [each for each in Net.of(good).operators if each.type in CONVOLUTION and _padding(each)]
    operator = chosen(padded, seed, "no convolution is padded")
    pads = _padding(operator)
    onnx = "pads" in operator.attributes
    # ONNX: begins, then ends; Paddle: one for both sides, or top, bottom, left, right.
    sums = [pads[0] + pads[2], pads[1] + pads[3]] if onnx and len(pads) == 4 else [2 * each for each in pads]
    if not onnx and len(pads) == 4:
        sums = [pads[0] + pads[1], pads[2] + pads[3]]
    moved = (0, 0, *sums) if onnx else (0, sums[0], 0, sums[1])
    return with_operators(
        good, folder, [OperatorEdit(operator.name, {"pads" if onnx else "paddings": moved})]
    )


def _padding(operator: Operator) -> tuple[int, ...]:
    """What is padded, in the order of the format; empty when nothing is."""
    value = operator.attributes.get("pads", operator.attributes.get("paddings"))
    return value if isinstance(value, tuple) and any(value) and len(value) in (2, 4) else ()


FAULT = Fault(
    name="padding-on-one-side",
    title=Text("a convolution is padded on one side only", "某个卷积只在一侧填充"),
    kind="graph",
    checks=frozenset({"structure", "consistency", "accuracy"}),
    make=make,
    number="F19",
    cause="operator",
    needs=frozenset({"baseline"}),
)
