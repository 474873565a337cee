"""A network as a fault looks at it: layers with their weights, whatever the format calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from seatrial.errors import SeatrialError
from seatrial.faults._fault import Good, NotApplicable
from seatrial.model import Operator, Parameter, operators

DENSE = frozenset({"matmul", "matmul_v2", "mul", "fc", "linear", "addmm", "MatMul", "Gemm"})
CONVOLUTION = frozenset(
    {"conv1d", "conv2d", "conv3d", "depthwise_conv2d", "Conv", "conv2d_transpose",
     "depthwise_conv2d_transpose", "conv3d_transpose", "ConvTranspose"}
)  # fmt: skip
BATCH_NORM = frozenset(
    {"batch_norm", "batch_norm_", "sync_batch_norm", "sync_batch_norm_", "BatchNormalization"}
)
ADDITION = frozenset({"add", "elementwise_add", "Add"})
# What changes the shape of a tensor, or nothing at all.
SHAPING = frozenset(
    {"reshape", "reshape2", "Reshape", "flatten", "flatten_contiguous_range", "Flatten", "squeeze",
     "squeeze2", "Squeeze", "unsqueeze", "unsqueeze2", "Unsqueeze", "transpose", "transpose2", "Transpose",
     "assign", "Identity", "Cast", "cast"}
)  # fmt: skip
_ASKING = frozenset({"shape", "shape64", "Shape", "size", "Size"})
_MAIN_OUTPUTS = ("out.Out", "out.Y", "out.Output")


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer or a convolution with weights of its own.

    Attributes:
        operator: The operator.
        kind: `dense` or `convolution`.
        weight: Its weights.
        bias: What is added to its output, or None.
        data: Value it reads.
        output: Value behind the bias.
        axis: Axis of `weight` that runs over the outputs.
    """

    operator: Operator
    kind: Literal["dense", "convolution"]
    weight: Parameter
    bias: Parameter | None
    data: str
    output: str
    axis: int

    @property
    def outputs(self) -> int:
        """How many channels or classes it makes."""
        return self.weight.shape[self.axis]


@dataclass(frozen=True, slots=True)
class Norm:
    """A batch normalisation with its four tensors."""

    operator: Operator
    scale: Parameter
    shift: Parameter
    mean: Parameter
    variance: Parameter

    @property
    def output(self) -> str:
        """Value it makes."""
        return main_output(self.operator)


class Net:
    """The top level of a graph, with values followed from operator to operator."""

    def __init__(self, found: Sequence[Operator], parameters: Sequence[Parameter]) -> None:
        self.operators = tuple(each for each in found if not each.scope)
        self.parameters: Mapping[str, Parameter] = {
            each.name: each
            for each in parameters
            if each.file is not None
            and each.dtype in ("float32", "float64", "float16")
            and 0 not in each.shape
        }
        self._makers = {value: each for each in self.operators for value in each.outputs if value}
        self._readers: dict[str, list[Operator]] = {}
        for each in self.operators:
            for value in dict.fromkeys(each.inputs):
                self._readers.setdefault(value, []).append(each)

    @classmethod
    def of(cls, good: Good) -> Net:
        """The network of a good release.

        Raises:
            NotApplicable: Its operators cannot be read.
        """
        try:
            return cls(operators(good.artifact), good.artifact.parameters)
        except SeatrialError as error:
            raise NotApplicable(error.message, hint=error.hint) from error

    def readers(self, value: str) -> list[Operator]:
        """Operators that compute with a value; those that only ask for its shape do not."""
        return [each for each in self._readers.get(value, []) if each.type not in _ASKING]

    def parameter(self, value: str) -> Parameter | None:
        """The parameter that a value is, reshaped or not."""
        for _ in range(8):
            if value in self.parameters:
                return self.parameters[value]
            maker = self._makers.get(value)
            if maker is None or maker.type not in SHAPING or not maker.inputs:
                return None
            value = _first(maker)
        return None

    def layers(self) -> list[Layer]:
        """Dense layers and convolutions in the graph's order."""
        return [layer for each in self.operators if (layer := self._layer(each)) is not None]

    def norms(self) -> list[Norm]:
        """Batch normalisations whose tensors are all there."""
        return [norm for each in self.operators if (norm := self._norm(each)) is not None]

    def last(self) -> Layer:
        """The last layer.

        Raises:
            NotApplicable: The model has no layer with weights.
        """
        layers = self.layers()
        if not layers:
            raise NotApplicable("no dense layer and no convolution with weights was found")
        return layers[-1]

    def head(self) -> Operator | None:
        """The operator that makes the model's last output, renaming and reshaping aside."""
        ends = [each for each in self.operators if not self.readers(main_output(each))]
        operator = ends[-1] if ends else None
        while operator is not None and operator.type in SHAPING:
            operator = self._makers.get(_first(operator))
        return operator

    def _layer(self, operator: Operator) -> Layer | None:
        dense = operator.type in DENSE
        if not dense and operator.type not in CONVOLUTION:
            return None
        held = [(value, self.parameter(value)) for value in operator.inputs if value]
        weight = next((p for _, p in held if p and (len(p.shape) == 2 if dense else len(p.shape) > 2)), None)
        data = next((value for value, parameter in held if parameter is None), None)
        if weight is None or data is None:
            return None
        axis = _axis(operator, dense=dense)
        output = main_output(operator)
        own = [p for _, p in held if p and p is not weight and prod(p.shape) == weight.shape[axis]]
        bias = own[0] if own else None
        readers = self.readers(output)
        if bias is None and len(readers) == 1 and readers[0].type in ADDITION:
            added = [self.parameter(value) for value in readers[0].inputs if value != output]
            bias = next((p for p in added if p and prod(p.shape) == weight.shape[axis]), None)
            output = main_output(readers[0]) if bias else output
        return Layer(operator, "dense" if dense else "convolution", weight, bias, data, output, axis)

    def _norm(self, operator: Operator) -> Norm | None:
        if operator.type not in BATCH_NORM:
            return None
        slots = [operator.attributes.get(f"in.{each}", ()) for each in ("Scale", "Bias", "Mean", "Variance")]
        if all(slots):
            names = [slot[0] for slot in slots]
        elif len(operator.inputs) < 5:
            return None
        else:
            order = (1, 2, 3, 4) if operator.type == "BatchNormalization" else (3, 4, 1, 2)
            names = [operator.inputs[place] for place in order]
        found = [self.parameter(name) for name in names]
        scale, shift, mean, variance = found
        if scale is None or shift is None or mean is None or variance is None:
            return None
        return Norm(operator, scale, shift, mean, variance)


def main_output(operator: Operator) -> str:
    """The output that carries the data; others are masks, statistics and shapes."""
    for slot in _MAIN_OUTPUTS:
        named = operator.attributes.get(slot)
        if named:
            return str(named[0])
    return operator.outputs[0] if operator.outputs else ""


def _first(operator: Operator) -> str:
    """The input that carries the data."""
    named = operator.attributes.get("in.X")
    return str(named[0]) if named else operator.inputs[0]


def _axis(operator: Operator, *, dense: bool) -> int:
    if not dense:
        return 1 if "ranspose" in operator.type else 0
    flags = [operator.attributes.get(each) for each in ("transpose_y", "trans_y", "transB")]
    return 0 if any(flags) else 1
