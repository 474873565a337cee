"""ONNX Runtime's quantizer, taken apart: prepare once, measure ranges once, write any number of variants.

Runs in the child of `quantize_onnx` only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UnsupportedModel, UsageError

# What carries weights, and so most of the arithmetic: these are "layers" of the table of costs.
LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# What ONNX Runtime has integer kernels for and what merely passes integers on. Softmax, Sigmoid and the
# normalizations stay in float: they lose most and cost little.
STATIC = (
    *LAYERS, "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu",
    "MaxPool", "Mul", "Relu", "Reshape", "Resize", "Split", "Squeeze", "Transpose", "Unsqueeze",
)  # fmt: skip
# What hands integers on as they are; arithmetic between layers (sums, activations) is not among them.
MOVING = ("Flatten", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
DYNAMIC = ("Attention", "EmbedLayerNormalization", "Gather", "Gemm", "LSTM", "MatMul")
_CHUNK = 8  # samples whose every intermediate tensor is in memory at once, for histograms
_OLDEST = 13  # the first opset with scales by channel

Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Recipe:
    """How numbers become integers.

    Attributes:
        per_channel: One scale for each output channel of a weight.
        reduce_range: Weights in 7 bits: without it processors that lack VNNI saturate, and answer otherwise
            than those that have it.
        keep: Nodes left in float.
        only: The only nodes to quantize; empty for all.
        between: Whether arithmetic between layers becomes integer too: faster, and often what loses most.
    """

    per_channel: bool = True
    reduce_range: bool = True
    keep: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    between: bool = True


def quantization() -> Any:
    """ONNX Runtime's package for it; `ml_dtypes` is its undeclared need."""
    lazy.load("ml_dtypes", extra="quantize")
    logging.disable(logging.WARNING)  # it advises what is done here already
    return lazy.load("onnxruntime.quantization", extra="quantize")


def prepare(source: Path, target: Path) -> Any:
    """The float model with batch normalization folded in, every node named and every shape inferred.

    Raises:
        UnsupportedModel: It is quantized already.
    """
    onnx: Any = lazy.load("onnx", extra="quantize")
    model = onnx.load(str(source))
    if any("quantize" in node.op_type.lower() or "Integer" in node.op_type for node in model.graph.node):
        raise UnsupportedModel(
            "the model is quantized already", hint="quantize the float model that it was made of"
        )
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST:
        model = onnx.version_converter.convert_version(model, _OLDEST)
        onnx.save(model, str(target))
        source = target
    preprocess: Any = lazy.load("onnxruntime.quantization.shape_inference", extra="quantize")
    preprocess.quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
    model = onnx.load(str(target))
    name_nodes(model.graph)
    onnx.save(model, str(target))
    return model


def name_nodes(graph: Any) -> None:
    """Gives every node a name of its own."""
    taken = {node.name for node in graph.node}
    if len(taken) == len(graph.node) and "" not in taken:
        return
    seen: set[str] = set()
    for place, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{place}"
            while node.name in taken:
                node.name += "_"
        seen.add(node.name)


def layers_of(model: Any) -> list[Any]:
    """The nodes that carry weights, in the graph's order."""
    weights = {each.name for each in model.graph.initializer}
    return [
        node
        for node in model.graph.node
        if node.op_type in LAYERS and any(name in weights for name in node.input[1:2])
    ]


def ranges_of(model: Path, feeds: Sequence[Mapping[str, Any]], method: str, scratch: Path) -> Ranges:
    """The range of every activation that may become an integer, from real samples.

    Args:
        model: What `prepare` wrote.
        feeds: Calibration samples.
        method: `minmax`, `entropy` or `percentile`.
        scratch: Folder for the tool's graph.
    """
    tool = quantization()
    calibrate: Any = lazy.load("onnxruntime.quantization.calibrate", extra="quantize")
    methods = {
        "minmax": (tool.CalibrationMethod.MinMax, {}),
        "entropy": (tool.CalibrationMethod.Entropy, {}),
        "percentile": (tool.CalibrationMethod.Percentile, {"percentile": 99.99}),
    }
    if method not in methods:
        raise UsageError(f"there is no calibration '{method}'", hint=f"there is: {', '.join(methods)}")
    kind, options = methods[method]
    found = calibrate.create_calibrator(
        model,
        list(STATIC),
        augmented_model_path=str(scratch / "calibrating.onnx"),
        calibrate_method=kind,
        providers=["CPUExecutionProvider"],
        extra_options=options,
    )
    reader = _reader(tool)
    # Histograms put the tensors of a chunk into one array, which only equal shapes can be.
    alike = len({tuple((name, each[name].shape) for name in sorted(each)) for each in feeds}) == 1
    chunk = _CHUNK if alike else 1
    for begin in range(0, len(feeds), chunk):
        found.collect_data(reader(feeds[begin : begin + chunk]))
    data = found.compute_data()
    # Some methods give numbers, others arrays of one element.
    return {
        name: (float(np.min(each.range_value[0])), float(np.max(each.range_value[1])))
        for name, each in data.items()
    }


def _reader(tool: Any) -> Any:
    class Reader(tool.CalibrationDataReader):  # type: ignore[misc]
        """Hands out feeds one by one."""

        def __init__(self, feeds: Iterable[Mapping[str, Any]]) -> None:
            self._feeds: Iterator[Mapping[str, Any]] = iter(feeds)

        def get_next(self) -> dict[str, Any] | None:
            found = next(self._feeds, None)
            return None if found is None else dict(found)

    return Reader


def static(model: Any, ranges: Ranges, recipe: Recipe) -> Any:
    """A copy of the prepared model with QuantizeLinear and DequantizeLinear around what becomes integer."""
    tool = quantization()
    calibrate: Any = lazy.load("onnxruntime.quantization.calibrate", extra="quantize")
    writer: Any = lazy.load("onnxruntime.quantization.qdq_quantizer", extra="quantize")
    copy = type(model)()
    copy.CopyFrom(model)
    data = {name: tuple(np.array(end, "float32") for end in ends) for name, ends in ranges.items()}
    quantizer = writer.QDQQuantizer(
        copy,
        recipe.per_channel,
        recipe.reduce_range,
        tool.QuantType.QInt8,
        tool.QuantType.QUInt8,
        calibrate.TensorsData(tool.CalibrationMethod.MinMax, data),
        list(recipe.only),
        list(recipe.keep),
        list(STATIC if recipe.between else (*LAYERS, *MOVING)),
        {"WeightSymmetric": True, "ActivationSymmetric": False},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return quantizer.model.model


def dynamic(source: Path, target: Path, recipe: Recipe) -> None:
    """Integer weights, activations measured at run time: no calibration, little gain for convolutions.

    Weights of convolutions become uint8: ConvInteger with int8 ones is three to four times slower than float.
    """
    tool = quantization()
    model: Any = lazy.load("onnx", extra="quantize").load(str(source))
    convolutions = any(node.op_type == "Conv" for node in model.graph.node)
    kinds = [(list(DYNAMIC), tool.QuantType.QInt8, recipe.per_channel, recipe.reduce_range)]
    if convolutions:
        kinds.append((["Conv"], tool.QuantType.QUInt8, False, False))
    here = source
    for types, weights, per_channel, reduce_range in kinds:
        tool.quantize_dynamic(
            str(here),
            str(target),
            op_types_to_quantize=types,
            per_channel=per_channel,
            reduce_range=reduce_range,
            weight_type=weights,
            nodes_to_exclude=list(recipe.keep),
        )
        here = target


def integer_share(model: Any) -> tuple[int, int]:
    """How many weights are integers, and how many there are in all (scales left out)."""
    sizes = [(each.data_type, int(np.prod(each.dims))) for each in model.graph.initializer if each.dims]
    integers = sum(size for kind, size in sizes if kind in (2, 3))  # UINT8, INT8
    return integers, integers + sum(size for kind, size in sizes if kind in (1, 10))  # FLOAT, FLOAT16
