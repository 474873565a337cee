"""Wrong operators, put one by one into an ONNX model that a converter wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = Any
# From a copy of the model and one of its nodes to whether that was changed.
Change = Callable[["Copy", Any], bool]


@dataclass(frozen=True)
class Seed:
    """One wrong operator.

    Attributes:
        fault: What was done, such as `epsilon`.
        kind: Type of the damaged ONNX node.
        tensor: First output of the damaged node: where the damage begins.
        model: The damaged model.
    """

    fault: str
    kind: str
    tensor: str
    model: onnx.ModelProto


class Copy:
    """A copy of a model whose nodes and weights can be changed."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.weights = {each.name: each for each in self.model.graph.initializer}

    def weight(self, node: Any, place: int) -> Array | None:
        """The values of an input, where that is a weight of two or more numbers."""
        if len(node.input) <= place or node.input[place] not in self.weights:
            return None
        values = numpy_helper.to_array(self.weights[node.input[place]])
        return values if values.dtype.kind == "f" and values.size > 1 else None

    def replace(self, node: Any, place: int, values: Array) -> bool:
        """Gives a node a weight of its own."""
        name = f"{node.input[place]}.damaged"
        self.model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        node.input[place] = name
        return True

    def become(self, node: Any, kind: str, *, inputs: int = 1) -> bool:
        """Makes another operator of a node."""
        node.op_type = kind
        del node.attribute[:]
        del node.input[inputs:]
        return True


def seeds(model: onnx.ModelProto) -> Iterator[Seed]:
    """Every fault on every node that it fits."""
    for place, original in enumerate(model.graph.node):
        for fault, kinds, change in FAULTS:
            if original.op_type not in kinds:
                continue
            copy = Copy(model)
            node = copy.model.graph.node[place]
            if change(copy, node):
                yield Seed(fault, original.op_type, original.output[0], copy.model)


def _attribute(node: Any, name: str) -> Any:
    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), None)


def _set(node: Any, name: str, value: Any) -> bool:
    kept = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
    return True


def _scaled(part: float) -> Change:
    def change(copy: Copy, node: Any) -> bool:
        values = copy.weight(node, 1)
        return values is not None and copy.replace(node, 1, values * np.float32(1 + part))

    return change


def _transposed(copy: Copy, node: Any) -> bool:
    values = copy.weight(node, 1)
    if values is None or values.ndim < 2 or values.shape[-1] != values.shape[-2] or values.shape[-1] < 2:
        return False
    return copy.replace(node, 1, np.swapaxes(values, -1, -2))


def _padding(_: Copy, node: Any) -> bool:
    pads = _attribute(node, "pads")
    if not pads or len(pads) != 4 or not min(pads):
        return False
    return _set(node, "pads", [pads[0] + 1, pads[1], pads[2] - 1, pads[3]])


def _dilation(_: Copy, node: Any) -> bool:
    """Reads every other pixel of a window twice as large; the shape stays."""
    kernel, pads = _attribute(node, "kernel_shape"), _attribute(node, "pads")
    if not kernel or list(kernel) != [3, 3] or list(pads or ()) != [1, 1, 1, 1]:
        return False
    return _set(node, "dilations", [2, 2]) and _set(node, "pads", [2, 2, 2, 2])


def _bias_lost(copy: Copy, node: Any) -> bool:
    if node.op_type == "Add":
        weight = [place for place in (0, 1) if copy.weight(node, place) is not None]
        if len(weight) != 1 and not _reshaped_bias(copy, node):
            return False
        kept = node.input[1 - weight[0]] if weight else node.input[0]
        copy.become(node, "Identity")
        node.input[0] = kept
        return True
    if node.op_type in ("GRU", "LSTM") and len(node.input) > 3:
        node.input[3] = ""
        return True
    if node.op_type in ("Conv", "Gemm") and len(node.input) > 2:
        del node.input[2:]
        return True
    return False


def _reshaped_bias(copy: Copy, node: Any) -> bool:
    makers = {each.output[0]: each for each in copy.model.graph.node}
    other = makers.get(node.input[1])
    return other is not None and other.op_type == "Reshape" and copy.weight(other, 0) is not None


def _exchanged(_: Copy, node: Any) -> bool:
    if len(node.input) < 2:
        return False
    first, second = node.input[0], node.input[1]
    node.input[0], node.input[1] = second, first
    return True


def _exchanged_weights(first: int, second: int) -> Change:
    def change(_: Copy, node: Any) -> bool:
        if len(node.input) <= max(first, second):
            return False
        node.input[first], node.input[second] = node.input[second], node.input[first]
        return True

    return change


def _attribute_to(name: str, value: Any) -> Change:
    def change(_: Copy, node: Any) -> bool:
        return bool(_attribute(node, name) != value) and _set(node, name, value)

    return change


def _other(kind: str) -> Change:
    return lambda copy, node: copy.become(node, kind)


def _permutation(_: Copy, node: Any) -> bool:
    order = _attribute(node, "perm")
    if not order or len(order) < 3:
        return False
    return _set(node, "perm", [*order[:-2], order[-1], order[-2]])


def _average(_: Copy, node: Any) -> bool:
    node.op_type = "AveragePool" if node.op_type == "MaxPool" else "MaxPool"
    kept = [each for each in node.attribute if each.name in ("kernel_shape", "strides", "pads", "ceil_mode")]
    del node.attribute[:]
    node.attribute.extend(kept)
    return True


def _rows_shifted(copy: Copy, node: Any) -> bool:
    values = copy.weight(node, 0)
    return values is not None and copy.replace(node, 0, np.roll(values, 1, 0))


def _constant(copy: Copy, node: Any) -> bool:
    for place in (1, 0):
        name = node.input[place] if len(node.input) > place else ""
        if name in copy.weights:
            values = numpy_helper.to_array(copy.weights[name])
            if values.dtype.kind == "f" and values.size == 1 and float(values.ravel()[0]):
                return copy.replace(node, place, (values * np.float32(1.1)).astype(values.dtype))
    return False


FAULTS: tuple[tuple[str, tuple[str, ...], Change], ...] = (
    ("weight off by 5 %", ("Conv", "MatMul", "Gemm"), _scaled(0.05)),
    ("weight off by 1 %", ("Conv", "MatMul", "Gemm"), _scaled(0.01)),
    ("weight transposed", ("Conv", "MatMul"), _transposed),
    ("padding on one side", ("Conv",), _padding),
    ("dilation", ("Conv",), _dilation),
    ("bias lost", ("Add", "GRU", "LSTM", "Conv", "Gemm"), _bias_lost),
    ("epsilon", ("BatchNormalization", "LayerNormalization"), _attribute_to("epsilon", 0.05)),
    ("epsilon, 0.005", ("BatchNormalization", "LayerNormalization"), _attribute_to("epsilon", 0.005)),
    ("mean and variance exchanged", ("BatchNormalization",), _exchanged_weights(3, 4)),
    ("scale and bias exchanged", ("LayerNormalization",), _exchanged_weights(1, 2)),
    ("axis", ("Softmax",), _attribute_to("axis", 1)),
    ("operands exchanged", ("MatMul", "Sub", "Div"), _exchanged),
    ("another activation", ("Relu",), _other("Tanh")),
    ("another activation", ("Tanh", "Sigmoid"), _other("Softsign")),
    ("approximation", ("Erf",), _other("Tanh")),
    ("alpha", ("HardSigmoid",), _attribute_to("alpha", 0.1)),
    ("average for maximum", ("MaxPool",), _average),
    ("order of axes", ("Transpose",), _permutation),
    ("rows shifted by one", ("Gather",), _rows_shifted),
    ("constant off by 10 %", ("Mul", "Div", "Add"), _constant),
    ("direction", ("GRU", "LSTM"), _attribute_to("direction", "reverse")),
    ("reset gate after the product", ("GRU",), _attribute_to("linear_before_reset", 0)),
)
