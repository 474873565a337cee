"""OpenVINO on Intel and AMD processors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced
from seatrial.runtimes._external import External, Mapped

_HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "f32"}
_TOLD = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i8": "int8", "u8": "int8"}
# Layers that move or convert data tell nothing about the precision of the arithmetic.
_MATHEMATICS = (
    "Convolution",
    "FullyConnected",
    "MatMul",
    "Deconvolution",
    "GroupConvolution",
    "LSTMSequence",
)


class OpenVinoEngine(Engine):
    """A compiled model of OpenVINO's CPU device."""

    def __init__(self) -> None:
        self._openvino: Any = lazy.load("openvino", extra="openvino")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._openvino.__version__).partition("-")[0]

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._core = self._openvino.Core()
        self._model = self._read()
        self._compiled = self._core.compile_model(self._model, "CPU", self._settings())
        self._names = _input_names(self._compiled, task.inputs)
        self._request = self._compiled.create_infer_request()
        if not task.optimize:
            self.notes.append("OpenVINO has no switch for graph optimisation: it is on")
        if self._told_precision() != task.precision:
            self.notes.append(f"{task.precision} was asked for; the kernels run in {self._told_precision()}")

    def _read(self) -> Any:
        if self._task.external:
            return self._core.read_model(self._in_memory())
        if self._task.format == "onnx":
            return self._core.read_model(self._task.graph)
        return self._core.read_model(self._task.graph, self._task.weights or "")

    def _in_memory(self) -> bytes:
        """The graph with the addresses of its weights, whose files are in memory only, for their places.

        ONNX Runtime hands its tensors to OpenVINO in this way.
        """
        onnx: Any = lazy.load("onnx", extra="onnx")
        tensors = [External(**each) for each in self._task.external]
        self._mapped = Mapped(tensors)  # as long as the model is computed with
        places = {each.name: _addressed(each, self._mapped.address(each.file)) for each in tensors}
        model = onnx.load(self._task.graph, load_external_data=False)
        for each in model.graph.initializer:
            if each.name in places:
                del each.external_data[:]
                each.external_data.extend(
                    onnx.StringStringEntryProto(key=key, value=value) for key, value in places[each.name]
                )
        graph: bytes = model.SerializeToString()
        return graph

    def _settings(self) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": _HINTS[self._task.precision],
            "INFERENCE_NUM_THREADS": self._task.threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        return self._infer(self._compiled, self._request, self._names, feeds)

    def _infer(
        self, compiled: Any, request: Any, names: list[str], feeds: Mapping[str, Array]
    ) -> list[Array]:
        inputs = {place: np.array(feeds[name]) for place, name in enumerate(names)}
        for port, array in zip(compiled.inputs, inputs.values(), strict=True):
            # OpenVINO computes something for shapes that the graph forbids.
            if not port.get_partial_shape().compatible(self._openvino.PartialShape(list(array.shape))):
                raise ValueError(f"shape {list(array.shape)} does not fit {port.get_partial_shape()}")
        results = request.infer(inputs)
        return [np.array(results[output]) for output in compiled.outputs]

    def trace(self, feeds: Mapping[str, Array]) -> list[Traced]:
        """See `Engine.trace`."""
        model = self._read()
        skipped = {"Parameter", "Constant", "Result"}
        nodes = [each for each in model.get_ordered_ops() if each.get_type_name() not in skipped]
        model.add_outputs(
            [(node.get_friendly_name(), port) for node in nodes for port in range(node.get_output_size())]
        )
        order = {node.get_friendly_name(): place for place, node in enumerate(nodes)}
        compiled = self._core.compile_model(model, "CPU", self._settings())
        names = _input_names(compiled, self._task.inputs)
        values = self._infer(compiled, compiled.create_infer_request(), names, feeds)
        traced: dict[str, tuple[int, Traced]] = {}
        for result, value in zip(model.get_results(), values, strict=True):
            port = result.input_value(0)
            node, name = port.get_node(), port.get_node().get_friendly_name()
            label = name if node.get_output_size() == 1 else f"{name}:{port.get_index()}"
            # An output of the graph that is also an operator's output comes once.
            traced[label] = (order.get(name, -1), Traced(label, node.get_type_name(), name, value))
        return [each for _, each in sorted(traced.values(), key=lambda pair: pair[0])]

    def _layers(self) -> list[Any]:
        return [each.get_rt_info() for each in self._compiled.get_runtime_model().get_ordered_ops()]

    def _told_precision(self) -> str:
        """What the arithmetic layers of the executed graph run in; the hint alone proves nothing."""
        told = Counter(
            str(each["runtimePrecision"].astype(str))
            for each in self._layers()
            if _layer(each) in _MATHEMATICS
        )
        if not told:
            return self._task.native
        return _TOLD.get(told.most_common(1)[0][0].lower(), told.most_common(1)[0][0])

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {
            "threads": int(self._compiled.get_property("INFERENCE_NUM_THREADS")),
            "precision": self._told_precision(),
            "operators": dict(Counter(_layer(each) for each in self._layers())),
        }


def _addressed(tensor: External, start: int) -> list[tuple[str, str]]:
    place = str(start + tensor.offset)
    return [("location", "*/_ORT_MEM_ADDR_/*"), ("offset", place), ("length", str(tensor.nbytes))]


def _layer(info: Any) -> str:
    return str(info["layerType"].astype(str))


def _input_names(compiled: Any, expected: Any) -> list[str]:
    """The graph's own name of each input, by the engine's index: OpenVINO may change their order."""
    names = []
    for port in compiled.inputs:
        known = [each for each in expected if each in port.get_names()]
        names.append(known[0] if known else port.get_any_name())
    if set(names) != set(expected):
        raise UsageError(f"OpenVINO names the inputs {names}, the graph {list(expected)}")
    return names


RUNTIME = Runtime(
    name="openvino",
    summary="OpenVINO: runs .onnx, its own IR and .pdmodel on Intel and AMD processors",
    formats=("onnx", "openvino", "paddle-pdmodel"),
    extra="openvino",
    module="openvino",
    distribution="openvino",
    engine=OpenVinoEngine,
)
