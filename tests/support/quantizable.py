"""Small ONNX classifiers that lose nothing, something or everything when they become integer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seatrial.contract import Contract, HeldOut, Pipeline, Sample, StepCall, TensorSpec, digest_of_samples

CLASSES, FEATURES = 4, 8


def model(nodes: list[Any], weights: dict[str, Any], *, opset: int = 17, outputs: int = CLASSES) -> Any:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", outputs])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def dense(weight: Any, *, opset: int = 17) -> Any:
    """One product with these weights [FEATURES, n]."""
    weight = np.asarray(weight, "float32")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "product")]
    return model(nodes, {"w": weight}, opset=opset, outputs=weight.shape[1])


def sensitive() -> Any:
    """Two products; the first is fed by an outlier beside which the rest is less than one integer step.

    Left in float the first, nothing is lost; as an integer everything is.
    """
    random = np.random.default_rng(3)
    first = np.zeros((FEATURES, CLASSES), "float32")
    first[:CLASSES] = np.eye(CLASSES)
    second = (np.eye(CLASSES) + random.normal(0, 0.02, (CLASSES, CLASSES))).astype("float32")
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], "first"),
        helper.make_node("Relu", ["h"], ["r"], "relu"),
        helper.make_node("MatMul", ["r", "w2"], ["s"], "second"),
        helper.make_node("Softmax", ["s"], ["y"], "softmax", axis=1),
    ]
    return model(nodes, {"w1": first, "w2": second})


def rows(count: int, *, outlier: float = 0.0, seed: int = 0) -> tuple[Any, Any]:
    """Samples around one class each, and their classes; the last feature says nothing and may be huge."""
    random = np.random.default_rng(seed)
    truth = np.arange(count) % CLASSES
    values = random.random((count, FEATURES)).astype("float32") * 0.2
    values[np.arange(count), truth] += 1.0
    values[:, -1] = outlier * random.random(count)
    return values.astype("float32"), truth


def samples(count: int, *, outlier: float = 0.0, seed: int = 0) -> HeldOut:
    values, truth = rows(count, outlier=outlier, seed=seed)
    kept = tuple(Sample(f"{seed}-{place}", each, int(truth[place])) for place, each in enumerate(values))
    return HeldOut(kept, digest_of_samples(kept), "made")


def contract() -> Contract:
    return Contract(
        name="small",
        task="classification",
        inputs=(TensorSpec("x", "float32", ("batch", FEATURES), "NC"),),
        outputs=(TensorSpec("y", "float32", ("batch", CLASSES), "NC"),),
        postprocess=Pipeline((StepCall("topk", {"k": 1}),)),
        labels=tuple("abcd"),
    )


def saved(made: Any, folder: Path, name: str = "model.onnx") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(made, str(folder / name))
    return folder / name
