"""What the graph does with an input says what may be put into it: ids of a table, lengths, a layout.

Paddle reads past an embedding table without a word, or dies of it (an id of 10**9 is a SIGSEGV); so the range
is known before an engine sees a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Operator

# Operators that hand their first input on with the same values; the second group keeps the axes too.
_SAME_VALUES = frozenset(
    [
        "reshape",
        "reshape2",
        "squeeze",
        "squeeze2",
        "unsqueeze",
        "unsqueeze2",
        "flatten",
        "flatten2",
        "flatten_contiguous_range",
        "transpose",
        "transpose2",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Flatten",
        "Transpose",
    ]
)
_SAME_AXES = frozenset(["cast", "assign", "share_data_", "Cast", "Identity", "Convert"])
_SCALES = frozenset(
    [
        "scale",
        "scale_",
        "add",
        "subtract",
        "multiply",
        "divide",
        "elementwise_add",
        "elementwise_sub",
        "elementwise_mul",
        "elementwise_div",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "clip",
        "Clip",
        "pad",
        "Pad",
    ]
)
_CONVOLUTIONS = frozenset(["conv2d", "depthwise_conv2d", "fused_conv2d_add_act", "Conv"])


def refine(
    inputs: Sequence[TensorSpec], operators: Iterable[Operator], shapes: Mapping[str, Sequence[int]]
) -> tuple[tuple[TensorSpec, ...], dict[str, str]]:
    """The inputs with ranges and layouts, and notes such as `{"lengths:lens": "ids"}`.

    Args:
        inputs: Of the graph.
        operators: In the graph's order.
        shapes: Shape of each parameter by name.
    """
    specs = {each.name: each for each in inputs}
    values = {name: name for name in specs}  # value -> graph input with the same values
    pixels = dict(values)  # value -> graph input with the same axes
    lengths: dict[str, str] = {}
    for op in operators:
        first = _slot(op, "X", 0)
        if op.type in _SAME_AXES or op.type in _SAME_VALUES:
            _hand_on(values, first, op)
        if op.type in _SAME_AXES or op.type in _SCALES:
            _hand_on(pixels, first, op)
        _table(op, values, specs, shapes)
        _layout(op, pixels, specs)
        taken = _sequence_length(op, values, specs)
        if taken:
            lengths[taken] = values.get(first, "")
    return tuple(specs[each.name] for each in inputs), _notes(lengths, specs)


def _slot(op: Operator, slot: str, index: int) -> str:
    """An input by slot (Paddle 2 names them) or by position."""
    named = op.attributes.get(f"in.{slot}")
    if isinstance(named, tuple):
        return str(named[0]) if named else ""
    return op.inputs[index] if index < len(op.inputs) else ""


def _hand_on(known: dict[str, str], value: str, op: Operator) -> None:
    if value in known and op.outputs:
        known[_output(op)] = known[value]


def _output(op: Operator) -> str:
    named = op.attributes.get("out.Out")
    return str(named[0]) if isinstance(named, tuple) and named else op.outputs[0]


def _table(
    op: Operator, values: Mapping[str, str], specs: dict[str, TensorSpec], shapes: Mapping[str, Sequence[int]]
) -> None:
    """An input that is looked up in a table of n rows takes 0 to n-1; the smallest table counts."""
    if op.type in ("embedding", "lookup_table_v2", "lookup_table"):
        ids, table = _slot(op, "Ids", 0), _slot(op, "W", 1)
    elif op.type == "Gather" and op.attributes.get("axis", 0) == 0:
        table, ids = _slot(op, "", 0), _slot(op, "", 1)
    else:
        return
    name, shape = values.get(ids), shapes.get(table, ())
    if name is None or len(shape) != 2 or shape[0] < 1:
        return
    spec = specs[name]
    high = shape[0] - 1
    specs[name] = replace(spec, low=0, high=high if spec.high is None else min(high, spec.high))


def _layout(op: Operator, pixels: Mapping[str, str], specs: dict[str, TensorSpec]) -> None:
    name = pixels.get(_slot(op, "Input", 0)) if op.type in _CONVOLUTIONS else None
    if name is None or len(specs[name].shape) != 4:
        return
    layout = op.attributes.get("data_format", "NCHW")
    if layout == "AnyLayout":
        layout = "NCHW"
    if layout in ("NCHW", "NHWC"):
        specs[name] = replace(specs[name], layout=layout)


def _sequence_length(op: Operator, values: Mapping[str, str], specs: dict[str, TensorSpec]) -> str:
    """The input that gives a recurrent layer its lengths, or an empty text."""
    if op.type == "rnn":
        named = op.attributes.get("in.SequenceLength")
        candidates = list(named) if isinstance(named, tuple) else list(op.inputs[1:])
    elif op.type in ("LSTM", "GRU", "RNN"):
        candidates = list(op.inputs[4:5])
    else:
        return ""
    for each in candidates:
        name = values.get(str(each))
        if name is not None and specs[name].dtype in ("int32", "int64") and len(specs[name].shape) == 1:
            if specs[name].low is None:
                specs[name] = replace(specs[name], low=0)
            return name
    return ""


def _notes(lengths: Mapping[str, str], specs: Mapping[str, TensorSpec]) -> dict[str, str]:
    tables = [name for name, spec in specs.items() if spec.high is not None]
    others = [name for name in specs if name not in lengths]
    return {f"lengths:{name}": fed or (tables or others or [""])[0] for name, fed in lengths.items()}
