"""Whether models can be run in a browser here, and an ONNX model of one's own making."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial import tools


def needs(*names: str) -> Any:
    """A mark that skips a test, with what to do, where one of these tools is missing."""
    missing = [each for each in names if tools.find(each) is None]
    how = "; ".join(f"{each} is not here: seatrial doctor {each}" for each in missing)
    return pytest.mark.skipif(bool(missing), reason=how or "all there")


WEB = needs("chromium", "onnxruntime-web")
PADDLEJS = needs("chromium", "onnxruntime-web", "paddlejs")


def save_onnx(path: Path, nodes: Any, inputs: Any, outputs: Any, weights: Any = ()) -> Path:
    """Writes a model; inputs and outputs are `(name, TensorProto type, shape)`, weights arrays by name."""
    import onnx
    from onnx import helper, numpy_helper

    infos = [[helper.make_tensor_value_info(*each) for each in side] for side in (inputs, outputs)]
    stored = [numpy_helper.from_array(array, name) for name, array in dict(weights).items()]
    graph = helper.make_graph(nodes, "made", *infos, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
