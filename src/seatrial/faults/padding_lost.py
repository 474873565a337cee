"""A convolution lost its padding: its output shrinks, and what follows may no longer fit."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, with_operators
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import CONVOLUTION, Net
from seatrial.model import Operator, OperatorEdit
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Sets the padding of one convolution to zero.

    Raises:
        NotApplicable: No convolution is padded.
    """
    padded = [each for each in Net.of(good).operators if each.type in CONVOLUTION and _padding(each)]
    operator = chosen(padded, seed, "no convolution is padded")
    name = "pads" if "pads" in operator.attributes else "paddings"
    edit = OperatorEdit(operator.name, {name: (0,) * len(_padding(operator))})
    return with_operators(good, folder, [edit])


def _padding(operator: Operator) -> tuple[int, ...]:
    """What is padded, in the order of the format; empty when nothing is."""
    value = operator.attributes.get("pads", operator.attributes.get("paddings"))
    return value if isinstance(value, tuple) and any(value) else ()


FAULT = Fault(
    name="padding-lost",
    title=Text("a convolution lost its padding", "某个卷积丢失了填充"),
    kind="graph",
    checks=frozenset({"structure", "consistency", "accuracy", "interface"}),
    make=make,
    number="F19",
    cause="operator",
)
