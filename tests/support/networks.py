"""One small classifier in three formats, written byte by byte: every kind of layer that a fault looks for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Contract, HeldOut, Pipeline, Sample, StepCall, TensorSpec
from seatrial.faults import Good, Release
from seatrial.model import open_model
from support import models

IMAGE, SCORES = [-1, 1, 8, 8], [-1, 4]
FORMATS = ("paddle-json", "paddle-pdmodel", "onnx")


@dataclass(frozen=True)
class Node:
    """One operator, in no format yet: `reads` are values, then parameters."""

    kind: str
    reads: tuple[str, ...]
    makes: str
    shape: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


def weights(seed: int = 7) -> dict[str, np.ndarray]:
    """Weights of one training run; another seed is another run."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.3, shape).astype("float32")

    return {
        "conv0.w_0": normal(4, 1, 3, 3), "conv0.b_0": normal(4),
        "bn0.w_0": 1 + normal(4), "bn0.b_0": normal(4),
        "bn0.w_1": normal(4), "bn0.w_2": (0.05 + rng.random(4)).astype("float32"),
        "conv1.w_0": normal(4, 4, 3, 3), "conv1.b_0": normal(4),
        "fc0.w_0": normal(64, 16), "fc0.b_0": normal(16),
        "fc1.w_0": normal(16, 4), "fc1.b_0": normal(4),
    }  # fmt: skip


# image -> conv, batch norm, relu -> max pooling -> conv, relu -> dense, relu, dropout -> dense, softmax
NODES = (
    Node("conv", ("image", "conv0.w_0"), "c0", (-1, 4, 8, 8), {"pad": 1}),
    Node("bias", ("c0", "conv0.b_0"), "c0b", (-1, 4, 8, 8)),
    Node("norm", ("c0b", "bn0.w_0", "bn0.b_0", "bn0.w_1", "bn0.w_2"), "n0", (-1, 4, 8, 8)),
    Node("relu", ("n0",), "r0", (-1, 4, 8, 8)),
    Node("pool", ("r0",), "p0", (-1, 4, 4, 4)),
    Node("conv", ("p0", "conv1.w_0"), "c1", (-1, 4, 4, 4), {"pad": 1}),
    Node("bias", ("c1", "conv1.b_0"), "c1b", (-1, 4, 4, 4)),
    Node("relu", ("c1b",), "r1", (-1, 4, 4, 4)),
    Node("flatten", ("r1",), "f", (-1, 64)),
    Node("dense", ("f", "fc0.w_0"), "d0", (-1, 16)),
    Node("bias", ("d0", "fc0.b_0"), "d0b", (-1, 16)),
    Node("relu", ("d0b",), "r2", (-1, 16)),
    Node("dropout", ("r2",), "o", (-1, 16)),
    Node("dense", ("o", "fc1.w_0"), "d1", (-1, 4)),
    Node("bias", ("d1", "fc1.b_0"), "d1b", (-1, 4)),
    Node("softmax", ("d1b",), "y", (-1, 4)),
)


# -- Paddle 3 ------------------------------------------------------------------------------------------------
def _pir(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"#": "0.a_array", "D": [_pir(each) for each in value]}
    kinds = {bool: "0.a_bool", int: "0.a_i32", float: "0.a_f32", str: "0.a_str"}
    return {"#": kinds[type(value)], "D": value}


_PIR: dict[str, tuple[str, dict[str, Any]]] = {
    "conv": ("conv2d", {"strides": [1, 1], "groups": 1, "data_format": "NCHW"}),
    "bias": ("add", {}),
    "norm": ("batch_norm_", {"is_test": True, "use_global_stats": True, "epsilon": 1e-5}),
    "relu": ("relu", {}),
    "pool": ("pool2d", {"pooling_type": "max", "adaptive": False, "strides": [2, 2], "paddings": [0, 0]}),
    "flatten": ("flatten", {"start_axis": 1, "stop_axis": 3}),
    "dense": ("matmul", {"transpose_x": False, "transpose_y": False}),
    "dropout": ("dropout", {"is_test": True, "mode": "upscale_in_train"}),
    "softmax": ("softmax", {"axis": -1}),
}


def _write_json(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    names = sorted(arrays)
    ops = [models.pir_parameter(name, index + 1, arrays[name]) for index, name in enumerate(names)]
    numbers = {name: index + 1 for index, name in enumerate(names)} | {"image": 100}
    data = models.pir_op("1.data", [], [models.pir_value(100, "float32", IMAGE)], name="image")
    data["A"].append(models.pir_attribute("shape", "1.a_intarray", IMAGE))
    ops.append(data)
    for place, node in enumerate(NODES):
        kind, attributes = _PIR[node.kind]
        if "pad" in node.options:
            attributes = {**attributes, "paddings": [node.options["pad"]] * 2}
        reads = [numbers[each] for each in node.reads]
        if node.kind == "norm":  # x, mean, variance, scale, shift
            reads = [reads[0], reads[3], reads[4], reads[1], reads[2]]
        numbers[node.makes] = 101 + place
        op = models.pir_op(f"1.{kind}", reads, [models.pir_value(101 + place, "float32", node.shape)])
        op["A"] = [{"AT": _pir(value), "N": name} for name, value in attributes.items()]
        ops.append(op)
    last = [models.pir_value(200, "float32", SCORES)]
    ops.append(models.pir_op("1.fetch", [numbers["y"]], last, name="fetch_name_0", col=0))
    return models.write_paddle_json(folder, graph=models.pir(ops), params=models.pdiparams(arrays))


# -- Paddle 2 ------------------------------------------------------------------------------------------------
def _attribute(name: str, value: Any) -> bytes:
    kind, content = {
        bool: lambda: (6, models.number(10, value)),
        int: lambda: (0, models.number(3, value)),
        float: lambda: (1, models.varint(4 << 3 | 5) + struct.pack("<f", value)),
        str: lambda: (2, models.block(5, value)),
        list: lambda: (3, b"".join(models.number(6, each) for each in value)),
    }[type(value)]()
    return models.block(4, models.block(1, name) + models.number(2, kind) + content)


_SLOTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "conv": ("conv2d", ("Input", "Filter"), "Output"),
    "bias": ("elementwise_add", ("X", "Y"), "Out"),
    "norm": ("batch_norm", ("X", "Scale", "Bias", "Mean", "Variance"), "Y"),
    "relu": ("relu", ("X",), "Out"),
    "pool": ("pool2d", ("X",), "Out"),
    "flatten": ("flatten_contiguous_range", ("X",), "Out"),
    "dense": ("matmul_v2", ("X", "Y"), "Out"),
    "dropout": ("dropout", ("X",), "Out"),
    "softmax": ("softmax", ("X",), "Out"),
}


def _program_op(
    kind: str, inputs: dict[str, str], outputs: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    # Slots in alphabetical order, as Paddle writes them: the weights may come before the data.
    sides = ((1, sorted(inputs.items())), (2, sorted(outputs.items())))
    slots = [
        models.block(side, models.block(1, slot) + models.block(2, name))
        for side, pairs in sides
        for slot, name in pairs
    ]
    written = [_attribute(name, value) for name, value in attributes.items()]
    return models.block(4, b"".join([*slots, models.block(3, kind), *written]))


def _variable(name: str, shape: Sequence[int], *, persistable: bool = False) -> bytes:
    tensor = models.number(1, 5) + b"".join(models.number(2, each) for each in shape)
    kind = models.number(1, 7) + models.block(3, models.block(1, tensor) + models.number(2, 0))
    last = models.number(3, 1) if persistable else b""
    return models.block(3, models.block(1, name) + models.block(2, kind) + last)


def _write_pdmodel(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    body = models.number(1, 0) + models.number(2, -1) + _variable("image", IMAGE)
    body += b"".join(_variable(name, array.shape, persistable=True) for name, array in arrays.items())
    body += b"".join(_variable(node.makes, node.shape) for node in NODES)
    body += _program_op("feed", {"X": "feed"}, {"Out": "image"}, {"col": 0})
    for node in NODES:
        kind, slots, output = _SLOTS[node.kind]
        attributes = dict(_PIR[node.kind][1])
        if "pad" in node.options:
            attributes["paddings"] = [node.options["pad"]] * 2
        inputs = dict(zip(slots, node.reads, strict=True))
        body += _program_op(kind, inputs, {output: node.makes}, attributes)
    body += _program_op("fetch", {"X": "y"}, {"Out": "fetch"}, {"col": 0})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "inference.pdmodel"
    path.write_bytes(models.block(1, body) + models.block(4, models.number(1, 2006002)))
    path.with_suffix(".pdiparams").write_bytes(models.pdiparams(arrays))
    return path


# -- ONNX ----------------------------------------------------------------------------------------------------
_ONNX = {
    "conv": "Conv", "bias": "Add", "norm": "BatchNormalization", "relu": "Relu", "pool": "MaxPool",
    "flatten": "Flatten", "dense": "MatMul", "dropout": "Dropout", "softmax": "Softmax",
}  # fmt: skip


def _onnx_attribute(name: str, value: Any) -> bytes:
    kind, content = {
        int: lambda: (2, models.number(3, value)),
        float: lambda: (1, models.varint(2 << 3 | 5) + struct.pack("<f", value)),
        list: lambda: (7, b"".join(models.number(8, each) for each in value)),
    }[type(value)]()
    return models.block(5, models.block(1, name) + content + models.number(20, kind))


_ONNX_OPTIONS: dict[str, dict[str, Any]] = {
    "conv": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    "norm": {"epsilon": 1e-5},
    "pool": {"kernel_shape": [2, 2], "strides": [2, 2]},
    "softmax": {"axis": -1},
}


def _write_onnx(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    tensors = {
        name: a.reshape(1, 4, 1, 1) if name in ("conv0.b_0", "conv1.b_0") else a for name, a in arrays.items()
    }
    nodes = []
    for node in NODES:
        extra = b"".join(_onnx_attribute(*pair) for pair in _ONNX_OPTIONS.get(node.kind, {}).items())
        nodes.append(models.onnx_node(_ONNX[node.kind], node.reads, [node.makes], extra=extra))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "net.onnx"
    content = models.onnx_model(
        nodes,
        tensors=[models.onnx_tensor(name, array) for name, array in tensors.items()],
        inputs=[models.onnx_value("image", "float32", ["batch", 1, 8, 8])],
        outputs=[models.onnx_value("y", "float32", ["batch", 4])],
    )
    path.write_bytes(content)
    return path


_WRITERS: dict[str, Callable[[Path, dict[str, np.ndarray]], Path]] = {
    "paddle-json": _write_json,
    "paddle-pdmodel": _write_pdmodel,
    "onnx": _write_onnx,
}


def write_network(folder: Path, kind: str, *, seed: int = 7) -> Path:
    """Writes the classifier in one of `FORMATS`."""
    return _WRITERS[kind](folder, weights(seed))


def contract() -> Contract:
    """Of the classifier: gray pictures of 8 x 8 into four probabilities."""
    return Contract(
        "network",
        "classification",
        (TensorSpec("image", "float32", ("batch", 1, 8, 8), "NCHW", 0, 1),),
        (TensorSpec("y", "float32", ("batch", 4), "NC", 0, 1.0001),),
        Pipeline((StepCall("cast", {"dtype": "float32"}),)),
        Pipeline((StepCall("topk", {"k": 2}),)),
        ("north", "east", "south", "west"),
        limits={"accuracy.minimum": 0.9},
    )


def held_out(count: int = 64) -> HeldOut:
    """Arrays with labels, and a quarter as many that the model was trained on."""
    images = np.random.default_rng(3).random((count + count // 4, 1, 8, 8), np.float32)
    samples = [Sample(str(place), image, place % 4) for place, image in enumerate(images)]
    return HeldOut(tuple(samples[:count]), "sha256:" + "0" * 64, "made up", tuple(samples[count:]))


def good(folder: Path, kind: str, *, other: bool = False) -> Good:
    """A good release of the classifier, with the weights of another run beside it when asked."""
    artifact = open_model(write_network(folder / "model", kind))
    another = open_model(write_network(folder / "other", kind, seed=8)) if other else None
    return Good(Release(artifact.graph, contract(), held_out()), artifact, another)
