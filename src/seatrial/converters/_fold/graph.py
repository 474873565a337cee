"""The graph that emitters write into: values with what is known of them, and nodes with their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UnsupportedModel

OPSET = 20  # the first with StringConcat
IR = 9
# ImageDecoder of opset 20 has no kernel in ONNX Runtime; this domain's DecodeImage is in its extensions.
EXTENSIONS = "com.microsoft.extensions"
DOMAINS = {"": OPSET, "ai.onnx.ml": 3, "com.microsoft": 1, EXTENSIONS: 1}


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the graph.

    Attributes:
        name: In the graph.
        dtype: NumPy's spelling; `string` for text.
        shape: Of one sample, without the batch axis; None where a size is known only when it runs.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] = ()

    @property
    def rank(self) -> int:
        """Axes of one sample."""
        return len(self.shape)

    def shaped(self, *shape: int | None) -> Value:
        """The same tensor, with this known of its shape."""
        return replace(self, shape=tuple(shape))


@dataclass
class Graph:
    """Nodes in the order they were written.

    Attributes:
        prefix: Of every name it makes, so that none meets a name of the model.
        lead: 1 where each value has a batch axis before those of a sample, else 0.
        labels: The contract's.
        vocabulary: The contract's.
        notes: What steps tell later ones, as `Context.notes`: tensors without a batch axis.
    """

    prefix: str
    lead: int = 0
    labels: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    notes: dict[str, Value] = field(default_factory=dict)
    nodes: list[Any] = field(default_factory=list)
    count: int = 0
    _onnx: Any = field(default_factory=lambda: lazy.load("onnx", extra="onnx"))
    _known: dict[Any, Value] = field(default_factory=dict)

    def name(self) -> str:
        """A new name."""
        self.count += 1
        return f"{self.prefix}{self.count}"

    def put(
        self,
        operator: str,
        *inputs: Value,
        dtype: str = "",
        domain: str = "",
        label: str = "",
        **attributes: Any,
    ) -> Value:
        """One node with one output; its type is that of the first input unless `dtype` says otherwise."""
        return self.puts(
            operator, inputs, (dtype or inputs[0].dtype,), domain=domain, label=label, **attributes
        )[0]

    def puts(
        self,
        operator: str,
        inputs: Sequence[Value],
        dtypes: Sequence[str],
        *,
        domain: str = "",
        label: str = "",
        **attributes: Any,
    ) -> tuple[Value, ...]:
        """One node with several outputs; `label` is its name, which engines put into their errors."""
        made = tuple(Value(self.name(), dtype) for dtype in dtypes)
        node = self._onnx.helper.make_node(
            operator,
            [each.name for each in inputs],
            [each.name for each in made],
            name=f"{label} ({made[0].name})" if label else f"{made[0].name}.{operator}",
            domain=domain,
            **attributes,
        )
        self.nodes.append(node)
        return made

    def constant(self, value: Any, dtype: str) -> Value:
        """A number, a list of numbers or texts as a tensor; equal ones are one node."""
        if dtype == "string":
            array = np.asarray(value, dtype=object)
            key: Any = (dtype, array.shape, tuple(array.ravel()))
            data = [str(each).encode("utf-8", "surrogatepass") for each in array.ravel()]
            kind = self._onnx.TensorProto.STRING
        else:
            array = np.asarray(value, dtype=dtype)
            key = (dtype, array.shape, array.tobytes())
            data, kind = [array.tobytes()], self._onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        if key not in self._known:
            raw = dtype != "string"
            name = self.name()
            tensor = self._onnx.helper.make_tensor(name, kind, array.shape, data[0] if raw else data, raw=raw)
            self.nodes.append(self._onnx.helper.make_node("Constant", [], [name], value=tensor, name=name))
            self._known[key] = Value(name, dtype, tuple(array.shape))
        return self._known[key]

    def ints(self, *numbers: int) -> Value:
        """A row of int64."""
        return self.constant(list(numbers), "int64")

    def whole(self, number: int) -> Value:
        """One int64, without axes."""
        return self.constant(number, "int64")

    def true(self) -> Value:
        """The boolean, without axes."""
        return self.constant(1, "bool")

    def double(self, number: float) -> Value:
        """One float64, without axes."""
        return self.constant(number, "float64")

    def cast(self, value: Value, dtype: str) -> Value:
        """The numbers in another type; nothing where it is theirs already."""
        if value.dtype == dtype:
            return value
        if dtype == "string":
            kind = self._onnx.TensorProto.STRING
        else:
            kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return replace(self.put("Cast", value, dtype=dtype, to=kind), shape=value.shape)

    def compared(self, operator: str, left: Value, right: Value) -> Value:
        """A comparison: booleans."""
        return self.put(operator, left, right, dtype="bool")

    def require(self, condition: Value, value: Value, refusal: str) -> Value:
        """`value`, computed only where `condition` (one boolean) holds.

        ONNX cannot raise: an index that is not there stops the engine, and it names the node.
        """
        wrong = self.put("Where", condition, self.whole(0), self.whole(1), dtype="int64")
        zero = self.put("Gather", self.ints(0), wrong, label=f"refused: {refusal}", axis=0)
        shape = self.put("Add", self.put("Shape", value, dtype="int64"), zero)
        return replace(self.put("Reshape", value, shape, allowzero=1), shape=value.shape)

    def size(self, value: Value, axis: int) -> Value:
        """The length of an axis of one sample, int64 without axes."""
        known = value.shape[axis]
        if known is not None:
            return self.whole(known)
        shape = self.put("Shape", value, dtype="int64")
        return self.put("Gather", shape, self.whole(axis % value.rank + self.lead), axis=0)

    def row(self, *scalars: Value) -> Value:
        """Scalars as one row."""
        return self.put("Concat", *(self.put("Reshape", each, self.ints(1)) for each in scalars), axis=0)

    def at(self, row: Value, place: int) -> Value:
        """One element of a row, without axes."""
        return self.put("Gather", row, self.whole(place), axis=0)

    def range(self, count: Value) -> Value:
        """0, 1, ... as int64."""
        return self.put("Range", self.whole(0), count, self.whole(1))

    def place(self, axis: int, rank: int, step: str) -> int:
        """An axis of one sample as an axis of the tensor.

        Raises:
            UnsupportedModel: There is no such axis.
        """
        if not -rank <= axis < rank:
            raise UnsupportedModel(f"step '{step}': axis {axis} does not exist in an array of {rank} axes")
        return axis % rank + self.lead

    def take(self, value: Value, indices: Value, axis: int) -> Value:
        """`numpy.take` along an axis of the tensor."""
        return self.put("Gather", value, indices, axis=axis)

    @contextmanager
    def body(self) -> Iterator[list[Any]]:
        """What is written meanwhile goes into a list of its own: the nodes of a `subgraph`."""
        outer, known = self.nodes, self._known
        self.nodes, self._known = [], dict(known)  # what lies outside is seen from inside, not the reverse
        try:
            yield self.nodes
        finally:
            self.nodes, self._known = outer, known

    def subgraph(
        self, nodes: Sequence[Any], inputs: Sequence[tuple[str, str]], outputs: Sequence[Value]
    ) -> Any:
        """The body of a Loop or a branch of an If; `inputs` by name and type, all without axes."""
        helper = self._onnx.helper
        return helper.make_graph(
            list(nodes),
            self.name(),
            [helper.make_tensor_value_info(name, self.kind(dtype), []) for name, dtype in inputs],
            [
                helper.make_tensor_value_info(each.name, self.kind(each.dtype), list(each.shape))
                for each in outputs
            ],
        )

    def kind(self, dtype: str) -> int:
        """The type's number in ONNX."""
        if dtype == "string":
            return int(self._onnx.TensorProto.STRING)
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def is_float(value: Value) -> bool:
    """Whether a value holds floating numbers."""
    return value.dtype.startswith("float")


def refused(step: str, why: str, hint: str = "") -> UnsupportedModel:
    """The error of a step that cannot be folded as it stands."""
    return UnsupportedModel(
        f"step '{step}' cannot be folded: {why}",
        hint=hint or "fold what is before or after it with --fold pre or --fold post; it stays outside",
    )
