"""ONNX Runtime's own format, read and refused without its engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.errors import SeatrialError
from seatrial.model import open_model, operators
from seatrial.model.weights import read_parameter
from support import models

TABLE = np.arange(200, dtype=np.float32).reshape(50, 4)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Written by the engine: a table that ids are looked up in, and a Relu."""
    import onnxruntime

    folder = tmp_path_factory.mktemp("ort")
    (folder / "model.onnx").write_bytes(models.onnx_network(tensors=[models.onnx_tensor("table", TABLE)]))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(folder / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return folder / "model.ort"


def test_it_says_what_the_onnx_file_says(file):
    artifact, onnx = open_model(file), open_model(file.with_suffix(".onnx"))
    assert artifact.format == "ort"
    assert artifact.version == "ort format 6, opset 17"
    assert artifact.problems == ()
    assert [(each.name, each.dtype, each.shape) for each in artifact.inputs] == [
        (each.name, each.dtype, each.shape) for each in onnx.inputs
    ]
    assert [each.name for each in artifact.outputs] == [each.name for each in onnx.outputs]
    assert artifact.operators == onnx.operators
    assert [each.type for each in operators(artifact)] == ["Gather", "Relu"]


def test_its_weights_are_found_in_the_file(file):
    (parameter,) = open_model(file).parameters
    assert (parameter.name, parameter.dtype, parameter.shape) == ("table", "float32", (50, 4))
    assert np.array_equal(read_parameter(parameter), TABLE)


def test_a_file_that_was_cut_is_named(file, tmp_path):
    data = file.read_bytes()
    (tmp_path / "cut.ort").write_bytes(data[: len(data) // 2])
    assert [each.code for each in open_model(tmp_path / "cut.ort").problems]


def test_a_version_from_the_future_is_named(file, tmp_path):
    data = file.read_bytes()
    at = data.index(b"\x01\x00\x00\x006\x00")  # a text of one letter: the version
    (tmp_path / "new.ort").write_bytes(data[: at + 4] + b"9" + data[at + 5 :])
    assert "version-from-the-future" in [each.code for each in open_model(tmp_path / "new.ort").problems]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_whatever_the_bytes_the_reader_answers(file, tmp_path, places):
    data = bytearray(file.read_bytes())
    for part, value in places:
        data[8 + int(part * (len(data) - 9))] = value
    (tmp_path / "odd.ort").write_bytes(data)
    try:
        artifact = open_model(tmp_path / "odd.ort")
        operators(artifact)
    except SeatrialError:
        return
    assert artifact.format == "ort"
