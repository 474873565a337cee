"""OpenVINO runs its own format, and fixed batches stay fixed."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial.errors import EngineFailure
from seatrial.model import open_model
from seatrial.runtimes import available_runtimes, open_session


@pytest.fixture
def pair(tmp_path):
    """The same small graph as ONNX and as IR."""
    onnx = pytest.importorskip("onnx")
    openvino = pytest.importorskip("openvino")
    weight = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("MatMul", ["x", "W"], ["scores"]),
            onnx.helper.make_node("Softmax", ["scores"], ["y"], axis=1),
        ],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 3])],
        [onnx.numpy_helper.from_array(weight, "W")],
    )
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), str(tmp_path / "tiny.onnx"))
    (tmp_path / "ir").mkdir()
    openvino.save_model(
        openvino.convert_model(str(tmp_path / "tiny.onnx")), str(tmp_path / "ir" / "tiny.xml")
    )
    return open_model(tmp_path / "tiny.onnx"), open_model(tmp_path / "ir")


@pytest.mark.slow
def test_ir_answers_as_its_source(pair):
    source, converted = pair
    assert converted.format == "openvino"
    assert available_runtimes(converted) == ["openvino"]
    feeds = {"x": np.random.default_rng(2).normal(size=(2, 4)).astype("float32")}
    with open_session(source, "onnxruntime") as session:
        (wanted,) = session.run(feeds)
    with open_session(converted) as session:
        (got,) = session.run(feeds)
        assert session.trace(feeds)[-1].operator == "Softmax"
    # The IR keeps its weights in float16.
    np.testing.assert_allclose(got, wanted, atol=2e-3)


@pytest.mark.slow
def test_a_shape_the_graph_forbids_is_an_error_not_an_answer(pair):
    """OpenVINO 2026.4 answers it."""
    with (
        open_session(pair[1], unverified=True) as session,
        pytest.raises(EngineFailure, match="does not fit"),
    ):
        session.run({"x": np.ones((3, 4), "float32")})
