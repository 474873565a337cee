"""The child of `halve_onnx`: `python -m seatrial.converters._halve_onnx REQUEST ANSWER`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.converters._answering import answer
from seatrial.converters._calibration_file import read_feeds
from seatrial.converters._onnx_costs import judged
from seatrial.converters._onnx_quantizing import name_nodes
from seatrial.errors import ModelError, UnsupportedModel

# Half of float16's largest number: samples that were not seen may be twice as large.
_LARGEST = 65504.0 / 2
# float16's smallest number with all its digits; a tensor that is smaller all over loses them.
_SMALLEST = 6.104e-5
_ROUNDS = 6
_CLEAR = 30.0  # dB; float16 rounding alone leaves 50 to 70


def _work(request: Mapping[str, Any]) -> dict[str, Any]:
    onnx: Any = lazy.load("onnx", extra="quantize")
    tool: Any = lazy.load("onnxruntime.transformers.float16", extra="quantize")
    logging.disable(logging.WARNING)  # it tells each number it rounds to zero
    model = onnx.load(request["graph"])
    if not any(each.data_type == onnx.TensorProto.FLOAT for each in model.graph.initializer):
        raise UnsupportedModel(
            "the model has no float32 weights that could be halved",
            hint="an int8 or float16 model stays as it is",
        )
    if any("quantize" in node.op_type.lower() for node in model.graph.node):
        raise UnsupportedModel("the model is quantized already", hint="halve the float model it was made of")
    name_nodes(model.graph)
    feeds = read_feeds(Path(request["feeds"]))
    seen = _Seen(model, feeds)
    blocked = {**seen.out_of_range(), **dict.fromkeys(request["keep"], "asked for")}
    for _ in range(_ROUNDS):
        halved = tool.convert_float_to_float16(
            _copy(model), keep_io_types=True, node_block_list=sorted(blocked)
        )
        _without_round_trips(onnx, halved.graph)
        found = judged(seen.answers, _answers(halved, feeds))
        if found["sqnr"] >= _CLEAR:
            break
        more = _parted(seen, halved, blocked)
        if not more:
            raise ModelError(f"in float16 the answers are noise (signal to noise {found['sqnr']:.0f} dB)")
        blocked |= dict.fromkeys(more, "diverged in float16")
    else:
        raise ModelError(f"in float16 the answers are noise, also with {len(blocked)} nodes left in float32")
    del halved.metadata_props[:]
    for key, value in sorted(request["metadata"].items()):
        halved.metadata_props.add(key=key, value=value)
    lazy.load("onnxruntime.quantization.onnx_model", extra="quantize").ONNXModel(halved).topological_sort()
    onnx.checker.check_model(halved)
    onnx.save(halved, request["target"])
    return {"blocked": blocked, "nodes": len(model.graph.node), **found}


def _copy(model: Any) -> Any:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy


def _without_round_trips(onnx: Any, graph: Any) -> None:
    """Lets two neighbors in float32 hand on what they have: the tool narrows it on the way between them."""
    half, whole = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    to = {name: node.attribute[0].i for name, node in casts.items()}
    same = {
        name: casts[node.input[0]].input[0]
        for name, node in casts.items()
        if to[name] == whole and to.get(node.input[0]) == half
    }
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)
    used = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    # Twice: the narrowing is unused only when the widening behind it is gone.
    for _ in range(2):
        kept = [node for node in graph.node if node.op_type != "Cast" or node.output[0] in used]
        copies = [type(each).FromString(each.SerializeToString()) for each in kept]
        del graph.node[:]
        graph.node.extend(copies)
        used = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}


class _Seen:
    """The float model's tensors on samples."""

    def __init__(self, model: Any, feeds: Sequence[Mapping[str, Any]]) -> None:
        self.model = model
        self.largest: dict[str, float] = {}
        self.answers: list[list[Any]] = []
        self.first: dict[str, Any] = {}  # every tensor on the first sample
        self.feed = feeds[0]
        run = _traced(model)
        wanted = [each.name for each in model.graph.output]
        for place, feed in enumerate(feeds):
            values = run(feed)
            self.answers.append([values[name] for name in wanted])
            for name, value in {**feed, **values}.items():
                if value.dtype.kind == "f" and value.size:
                    peak = float(np.abs(value).max())
                    self.largest[name] = max(self.largest.get(name, 0.0), peak)
            if not place:
                self.first = values
        to_array: Any = lazy.load("onnx.numpy_helper", extra="quantize").to_array
        for each in model.graph.initializer:
            if each.data_type == 1:
                value = np.abs(to_array(each))
                self.largest[each.name] = float(value.max()) if value.size else 0.0

    def out_of_range(self) -> dict[str, str]:
        """Nodes that read or write what float16 cannot hold, with the reason."""
        found = {}
        for node in self.model.graph.node:
            for name in [*node.input, *node.output]:
                peak = self.largest.get(name, 0.0)
                if not peak < _LARGEST:
                    found[node.name] = f"'{name}' reaches {peak:.3g}"
                elif 0 < peak < _SMALLEST:
                    found[node.name] = f"'{name}' is at most {peak:.3g}"
        return found


def _traced(model: Any) -> Any:
    """Runs a model with every tensor as an output."""
    onnx: Any = lazy.load("onnx", extra="quantize")
    wide = _copy(model)
    there = {each.name for each in wide.graph.output}
    names = [name for node in wide.graph.node for name in node.output if name]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    session = _session(wide, plain=True)
    asked = [*there, *(name for name in names if name not in there)]

    def run(feed: Mapping[str, Any]) -> dict[str, Any]:
        values = zip(asked, session.run(asked, dict(feed)), strict=True)
        return {name: value for name, value in values if hasattr(value, "dtype")}

    return run


def _session(model: Any, *, plain: bool = False) -> Any:
    ort: Any = lazy.load("onnxruntime", extra="quantize")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if plain:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _answers(model: Any, feeds: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    session = _session(model)
    return [session.run(None, dict(each)) for each in feeds]


def _parted(seen: _Seen, halved: Any, blocked: Mapping[str, str]) -> list[str]:
    """The first node whose output in float16 is another, and those that read it."""
    values = _traced(halved)(seen.feed)
    for node in seen.model.graph.node:
        for name in node.output:
            wanted, got = seen.first.get(name), values.get(name)
            if wanted is None or got is None or wanted.dtype.kind != "f" or wanted.shape != got.shape:
                continue
            if judged([[wanted]], [[got.astype("float32")]])["sqnr"] < _CLEAR:
                near = [node, *(each for each in seen.model.graph.node if name in each.input)]
                fresh = [each.name for each in near if each.name not in blocked]
                if fresh:
                    return fresh
    return []


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _work))
