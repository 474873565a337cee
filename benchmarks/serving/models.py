"""The models that every server serves, and the bytes that a client sends for each.

`sim` is a device that is simulated: 14 ms + 0.3 ms a row, so that what is measured is the server and nothing
else (its graph only tells the interface). `tiny` is an MLP whose batch of one takes 11 us: the server is the
cost. `encoder` is a transformer of four layers, in which the model is the cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from seatrial import lazy

OPSET = 17
MOST_ROWS = 32
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Device:
    """The simulated device, in seconds."""

    base: float = 0.014
    row: float = 0.0003
    most: int = MOST_ROWS

    def seconds(self, rows: int) -> float:
        """What a batch takes."""
        return self.base + self.row * rows

    @property
    def capacity(self) -> float:
        """Rows a second in full batches."""
        return self.most / self.seconds(self.most)


DEVICE = Device()


@dataclass(frozen=True)
class Model:
    """What is served under one name.

    Attributes:
        name: Of the file and of the served model.
        input: Name of the only input.
        datatype: As the Open Inference Protocol says it.
        row: One row of the input.
        output: Name of the only output.
        width: Numbers in one row of the output.
        expect: What stands in every right answer in JSON; empty: not looked at.
        delay: Milliseconds that servers with a fixed delay are given, as their documentation would have it.
    """

    name: str
    input: str
    datatype: str
    row: Array
    output: str
    width: int
    expect: str = ""
    delay: float = 0.0

    def body(self, form: str) -> bytes:
        """One request of one row: `v2` of the protocol, `plain` for servers with a form of their own."""
        if form == "plain":
            return orjson.dumps({"x": [self.row.tolist()]})
        shape = [1, len(self.row)]
        tensor = {"name": self.input, "datatype": self.datatype, "shape": shape, "data": self.row.tolist()}
        return orjson.dumps({"inputs": [tensor]})


MODELS = {
    each.name: each
    for each in (
        Model("sim", "x", "FP32", np.array([1.5, 2.0, 3.0, 4.0], "float32"), "y", 1, "1.5", delay=10.0),
        Model("tiny", "x", "FP32", np.linspace(-1, 1, 64, dtype="float32").round(3), "y", 10),
        Model("encoder", "ids", "INT64", np.arange(1, 65, dtype="int64"), "logits", 2, delay=2.0),
    )
}


def write_models(folder: Path) -> None:
    """Makes the ONNX files, once."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("sim", _first_column), ("tiny", _perceptron), ("encoder", _encoder)):
        path = folder / name / f"{name}.onnx"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            make(MODELS[name]).save(path)


@dataclass
class _Graph:
    """Nodes and weights as they are put together."""

    model: Model
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        self._onnx: Any = lazy.load("onnx", extra="onnx")

    def weight(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def drawn(self, *shape: int) -> str:
        return self.weight((self.random.standard_normal(shape) / np.sqrt(shape[0])).astype("float32"))

    def constant(self, *shape: int, value: float = 0.0) -> str:
        return self.weight(np.full(shape, value, "float32"))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, x: str, inner: int, outer: int) -> str:
        return self.add("Add", self.add("MatMul", x, self.drawn(inner, outer)), self.constant(outer))

    def finish(self, output: str) -> _Graph:
        self.nodes.append(self._onnx.helper.make_node("Identity", [output], [self.model.output]))
        return self

    def save(self, path: Path) -> None:
        helper, types = self._onnx.helper, self._onnx.TensorProto
        kind = types.INT64 if self.model.datatype == "INT64" else types.FLOAT
        given = helper.make_tensor_value_info(self.model.input, kind, ["N", len(self.model.row)])
        made = helper.make_tensor_value_info(self.model.output, types.FLOAT, ["N", self.model.width])
        graph = helper.make_graph(self.nodes, self.model.name, [given], [made], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        self._onnx.checker.check_model(model)
        self._onnx.save(model, str(path))


def _first_column(model: Model) -> _Graph:
    graph = _Graph(model)
    return graph.finish(graph.add("Gather", model.input, graph.weight(np.array([0], "int64")), axis=1))


def _perceptron(model: Model) -> _Graph:
    graph = _Graph(model)
    hidden = graph.add("Relu", graph.linear(model.input, 64, 128))
    return graph.finish(graph.add("Softmax", graph.linear(hidden, 128, model.width), axis=-1))


def _encoder(model: Model, *, layers: int = 4, width: int = 256, heads: int = 4, words: int = 8000) -> _Graph:
    graph, length = _Graph(model), len(model.row)
    x = graph.add("Gather", graph.drawn(words, width), model.input, axis=0)
    x = graph.add("Add", x, graph.drawn(length, width))
    for _ in range(layers):
        x = _normal(graph, graph.add("Add", x, _attention(graph, x, width, heads)), width)
        x = _normal(graph, graph.add("Add", x, _feed_forward(graph, x, width)), width)
    pooled = graph.add("ReduceMean", x, axes=[1], keepdims=0)
    return graph.finish(graph.linear(pooled, width, model.width))


def _normal(graph: _Graph, x: str, width: int) -> str:
    return graph.add(
        "LayerNormalization", x, graph.constant(width, value=1.0), graph.constant(width), axis=-1
    )


def _attention(graph: _Graph, x: str, width: int, heads: int) -> str:
    apart = graph.weight(np.array([0, 0, heads, width // heads], "int64"))
    together = graph.weight(np.array([0, 0, width], "int64"))

    def projected(order: list[int]) -> str:
        return graph.add("Transpose", graph.add("Reshape", graph.linear(x, width, width), apart), perm=order)

    query, key, value = projected([0, 2, 1, 3]), projected([0, 2, 3, 1]), projected([0, 2, 1, 3])
    scale = graph.weight(np.array((width / heads) ** -0.5, "float32"))
    share = graph.add("Softmax", graph.add("Mul", graph.add("MatMul", query, key), scale), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", share, value), perm=[0, 2, 1, 3])
    return graph.linear(graph.add("Reshape", mixed, together), width, width)


def _feed_forward(graph: _Graph, x: str, width: int) -> str:
    wide = graph.linear(x, width, 4 * width)
    erf = graph.add("Erf", graph.add("Mul", wide, graph.constant(value=0.5**0.5)))
    gelu = graph.add(
        "Mul",
        graph.add("Mul", wide, graph.constant(value=0.5)),
        graph.add("Add", erf, graph.constant(value=1.0)),
    )
    return graph.linear(gelu, 4 * width, width)
