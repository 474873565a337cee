"""Which channels of an ONNX graph can go, and everything that goes with each (M24).

A channel that a convolution or a matrix product makes runs on through the operators behind it until the next
ones mix it with others. Whatever holds one number for each channel on the way (filters, biases, statistics of
normalization) and the rows of whoever consumes it form one group: they are cut together or not at all.

Two groups that are added element by element are one group. A group that reaches anything not known here - an
output of the graph, a transposition, an operator not in the lists below - is left whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seatrial.contract.sample import Array

# One number in, one number out: channels stay what they are.
_PLAIN = frozenset(
    {
        "Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Clip", "Tanh", "Elu", "Selu", "Softplus",
        "Identity", "Dropout", "Erf", "Sqrt", "Exp", "Neg", "Abs", "Gelu", "Mish", "Softsign",
    }
)  # fmt: skip
_POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"})
_BINARY = frozenset({"Add", "Sub", "Mul", "Div", "Max", "Min"})
_WEIGHTS_OF_BATCH_NORM = slice(1, 5)


@dataclass(frozen=True, slots=True)
class Cut:
    """A tensor that loses what belongs to a channel.

    Attributes:
        tensor: Name of the initializer.
        axis: Along which its channels lie.
        repeat: Numbers that each channel has there, one behind another (behind a flattened picture).
        makes: Whether it makes the channels: its norm says what they are worth.
        takes: Whether it consumes them.
    """

    tensor: str
    axis: int
    repeat: int = 1
    makes: bool = False
    takes: bool = False


@dataclass
class Group:
    """Channels that are cut together.

    Attributes:
        size: Channels.
        name: Of the first node that makes them.
        cuts: What loses a part.
        nodes: Names of nodes whose attribute `group` is the number of channels.
        whole: Why none may go; empty: they may.
    """

    size: int
    name: str
    cuts: list[Cut] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    whole: str = ""


@dataclass(frozen=True, slots=True)
class _Lies:
    """Where the channels of a value lie: which group, which axis from the right, how often each."""

    group: int
    axis: int
    repeat: int = 1


class Graph:
    """Finds the groups of a graph.

    Args:
        graph: A GraphProto whose constants are all initializers.
        constants: Its initializers as arrays.
        shapes: Known dimensions by value; None for a free one.
    """

    def __init__(
        self, graph: Any, constants: Mapping[str, Array], shapes: Mapping[str, Sequence[int | None]]
    ) -> None:
        self._graph, self._constants, self._shapes = graph, constants, shapes
        self._groups: list[Group] = []
        self._parent: list[int] = []
        self._lies: dict[str, _Lies] = {}
        self._used: dict[str, int] = {}
        for node in graph.node:
            for name in node.input:
                self._used[name] = self._used.get(name, 0) + 1

    def groups(self) -> list[Group]:
        """Every group that makes channels, with what belongs to it."""
        for node in self._graph.node:
            self._visit(node)
        for name in (*(each.name for each in self._graph.output), *self._captured()):
            self._keep(name, "an output of the model, or read in the body of a loop")
        found: dict[int, Group] = {}
        for place, group in enumerate(self._groups):
            root = self._root(place)
            if root == place:
                found[place] = group
        return [each for each in found.values() if any(cut.makes for cut in each.cuts)]

    def _visit(self, node: Any) -> None:
        kind = node.op_type
        if kind == "Conv":
            self._convolution(node)
        elif kind in ("Gemm", "MatMul"):
            self._product(node)
        elif kind == "BatchNormalization":
            self._normalization(node)
        elif kind in _PLAIN or (kind in _POOLS and self._is_picture(node.input[0])):
            self._same(node, node.input[0])
            # Bounds of Clip and such hold for all channels alike; a bound that was computed would not.
            for name in node.input[1:]:
                self._keep(name, f"{kind} with a computed bound")
        elif kind in _BINARY and len(node.input) == 2:
            self._pair(node)
        elif kind == "PRelu":
            self._with_constant(node, node.input[0], node.input[1])
        elif kind == "Flatten" or kind == "Reshape":
            self._flatten(node)
        elif kind == "Shape":
            self._shape(node)
        else:
            for name in node.input:
                self._keep(name, kind)

    def _shape(self, node: Any) -> None:
        """The shape of a value says how many channels it has; harmless where only the batch is read."""
        readers = [each for each in self._graph.node if node.output[0] in each.input]
        if not all(reads_the_batch(each, self._constants) for each in readers):
            self._keep(node.input[0], "its shape is computed with")

    def _captured(self) -> Iterator[str]:
        """What bodies of loops and branches read without its being an input of theirs."""
        for node in self._graph.node:
            for each in node.attribute:
                for body in (each.g, *each.graphs):
                    yield from (name for inner in body.node for name in inner.input)

    # -- groups --------------------------------------------------------------------------------------------
    def _new(self, size: int, name: str) -> int:
        self._groups.append(Group(size, name))
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def _root(self, place: int) -> int:
        while self._parent[place] != place:
            place = self._parent[place]
        return place

    def _of(self, lies: _Lies) -> Group:
        return self._groups[self._root(lies.group)]

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        if first == second:
            return
        kept, gone = self._groups[first], self._groups[second]
        kept.cuts += gone.cuts
        kept.nodes += gone.nodes
        kept.whole = kept.whole or gone.whole
        self._parent[second] = first

    def _keep(self, value: str, why: str) -> None:
        lies = self._lies.get(value)
        if lies is not None:
            group = self._of(lies)
            group.whole = group.whole or why

    def _cut(self, lies: _Lies, tensor: str, axis: int, **more: bool) -> None:
        group = self._of(lies)
        if self._used.get(tensor, 0) > 1:
            group.whole = group.whole or f"'{tensor}' is used by several operators"
        group.cuts.append(Cut(tensor, axis, lies.repeat, **more))

    def _makes(self, node: Any, tensor: str, axis: int, lies_at: int) -> _Lies:
        size = self._constants[tensor].shape[axis]
        lies = _Lies(self._new(size, node.name or node.output[0]), lies_at)
        self._cut(lies, tensor, axis, makes=True)
        self._lies[node.output[0]] = lies
        return lies

    # -- operators -----------------------------------------------------------------------------------------
    def _convolution(self, node: Any) -> None:
        weight = self._constants.get(node.input[1])
        source = self._lies.get(node.input[0])
        if weight is None:
            self._keep(node.input[0], "a convolution with a computed weight")
            return
        count = next((each.i for each in node.attribute if each.name == "group"), 1)
        at = 1 - weight.ndim
        if count == 1:
            if source is not None:
                self._takes(source, node.input[1], 1, at, weight.shape[1], "Conv")
            lies = self._makes(node, node.input[1], 0, at)
        elif source is not None and count == weight.shape[0] == self._of(source).size and source.axis == at:
            # One filter a channel: it goes with the channel that it filters.
            lies = source
            self._cut(lies, node.input[1], 0)
            self._of(lies).nodes.append(node.name)
            self._lies[node.output[0]] = lies
        else:
            self._keep(node.input[0], "a convolution in groups")
            return
        if len(node.input) > 2 and node.input[2]:
            self._cut(lies, node.input[2], 0)

    def _product(self, node: Any) -> None:
        """A matrix product with a constant on the right."""
        weight = self._constants.get(node.input[1])
        told = {each.name: each.i for each in node.attribute}
        if weight is None or weight.ndim != 2 or told.get("transA", 0):
            for name in node.input:
                self._keep(name, node.op_type)
            return
        rows, columns = (1, 0) if told.get("transB", 0) else (0, 1)
        source = self._lies.get(node.input[0])
        if source is not None:
            self._takes(source, node.input[1], rows, -1, weight.shape[rows], node.op_type)
        lies = self._makes(node, node.input[1], columns, -1)
        if len(node.input) > 2 and node.input[2]:
            self._along(lies, node.input[2])

    def _takes(self, source: _Lies, tensor: str, axis: int, at: int, size: int, kind: str) -> None:
        group = self._of(source)
        if source.axis != at or group.size * source.repeat != size:
            group.whole = group.whole or f"{kind} reads its channels along another axis"
            return
        self._cut(source, tensor, axis, takes=True)

    def _normalization(self, node: Any) -> None:
        self._same(node, node.input[0])
        lies = self._lies.get(node.input[0])
        if lies is None:
            return
        if lies.axis == -1 and len(self._shapes.get(node.input[0], ())) != 2:
            self._keep(node.input[0], "a normalization along another axis")
        for name in node.input[_WEIGHTS_OF_BATCH_NORM]:
            # Statistics are vectors over axis 1, whatever the rank.
            constant = self._constants.get(name)
            if constant is None or constant.shape != (self._of(lies).size * lies.repeat,):
                self._keep(node.input[0], "a normalization with computed statistics")
            else:
                self._cut(lies, name, 0)

    def _is_picture(self, value: str) -> bool:
        """Whether a pool leaves the channels of a value alone: they do not lie where it pools."""
        lies = self._lies.get(value)
        return lies is None or lies.axis < -1

    def _same(self, node: Any, source: str) -> None:
        lies = self._lies.get(source)
        if lies is not None:
            self._lies[node.output[0]] = lies

    def _pair(self, node: Any) -> None:
        first, second = node.input
        if second in self._constants:
            self._with_constant(node, first, second)
        elif first in self._constants:
            self._with_constant(node, second, first)
        else:
            one, other = self._lies.get(first), self._lies.get(second)
            alike = one is not None and other is not None and _alike(one, other)
            if one is None or other is None or not alike or self._of(one).size != self._of(other).size:
                self._keep(first, f"{node.op_type} with a value whose channels are not known")
                self._keep(second, f"{node.op_type} with a value whose channels are not known")
                return
            self._join(one.group, other.group)
            self._lies[node.output[0]] = one

    def _with_constant(self, node: Any, source: str, constant: str) -> None:
        self._same(node, source)
        lies = self._lies.get(source)
        if lies is None:
            return
        if constant not in self._constants:
            self._keep(source, f"{node.op_type} with a computed value")
            self._keep(constant, f"{node.op_type} with a value whose channels are not known")
            return
        self._along(lies, constant)

    def _along(self, lies: _Lies, constant: str) -> None:
        """A constant that stands beside the channels: one number for all, or one for each."""
        array = self._constants[constant]
        group = self._of(lies)
        if -lies.axis > array.ndim or array.shape[lies.axis] == 1:
            return
        if array.shape[lies.axis] != group.size * lies.repeat:
            group.whole = group.whole or f"'{constant}' does not have its channels"
            return
        self._cut(lies, constant, array.ndim + lies.axis)

    def _flatten(self, node: Any) -> None:
        """A picture laid out in a row: each channel becomes as many columns as it has pixels."""
        lies, before = self._lies.get(node.input[0]), self._shapes.get(node.input[0], ())
        if lies is None:
            return
        after = self._shapes.get(node.output[0], ())
        pixels = before[2:]
        whole = len(before) >= 2 and len(after) == 2 and lies.axis == 1 - len(before) and None not in pixels
        columns = self._of(lies).size * int(np.prod(pixels, dtype=np.int64)) if whole else -1  # type: ignore[arg-type]
        if not whole or after[1] != columns or not self._follows(node):
            self._keep(node.input[0], node.op_type)
            return
        self._lies[node.output[0]] = _Lies(lies.group, -1, int(np.prod(pixels, dtype=np.int64)))  # type: ignore[arg-type]

    def _follows(self, node: Any) -> bool:
        """Whether the target shape adapts itself to fewer columns."""
        if node.op_type == "Flatten":
            return next((each.i for each in node.attribute if each.name == "axis"), 1) == 1
        target = self._constants.get(node.input[1])
        return target is not None and target.tolist() == [0, -1]


def _alike(one: _Lies, other: _Lies) -> bool:
    return one.axis == other.axis and one.repeat == other.repeat


def reads_the_batch(node: Any, constants: Mapping[str, Array]) -> bool:
    """Whether a node takes nothing but the first number of a shape."""
    if node.op_type == "Gather":
        index = constants.get(node.input[1])
        return index is not None and not np.any(index)
    if node.op_type != "Slice" or len(node.input) < 3:
        return False
    bounds = [constants.get(name) for name in node.input[1:3]]
    return all(each is not None for each in bounds) and [each.tolist() for each in bounds] == [[0], [1]]  # type: ignore[union-attr]
