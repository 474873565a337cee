"""Conversions over several formats on real engines: each step is judged, and a damaged one is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from seatrial.converters import StandIn, _route, all_converters, convert
from seatrial.converters import paddle_to_onnx as paddle_to_onnx_file
from seatrial.errors import MissingDependency, ModelError, UsageError
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import paddle_models

pytestmark = pytest.mark.slow


def with_converters(monkeypatch, **changed):
    """The true converters, some with changes."""
    known = {name: replace(each, **changed.get(name, {})) for name, each in all_converters().items()}
    monkeypatch.setattr(_route, "all_converters", lambda: known)


def damaging(name, damage):
    """A converter that does its work and then damages the ONNX file it wrote, or reads."""
    true = all_converters()[name].make

    def make(artifact, folder, *, options, progress):
        graph = true(artifact, folder, options=options, progress=progress)
        model = onnx.load(str(graph))
        damage(model)
        onnx.save(model, str(graph))
        return graph

    return {"make": make}


def affine():
    return open_model(paddle_models.folder() / "affine")


@pytest.mark.parametrize("target", ["openvino", "ort"])
def test_a_way_over_onnx_holds_at_every_step(target, tmp_path):
    source, said = affine(), []
    result = convert(source, target, tmp_path / "out", progress=said.append)
    assert said[0] == f"paddle-json -> onnx -> {target}"
    assert [(each.source, each.target) for each in result.hops] == [
        ("paddle-json", "onnx"),
        ("onnx", target),
    ]
    assert all(each.comparisons for each in result.hops)
    assert result.comparisons == result.hops[-1].comparisons
    assert result.artifact.format == target
    assert {each.suffix for each in (tmp_path / "out").iterdir()} <= {".ort", ".xml", ".bin"}
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert open_model(source.path).digest == source.digest
    with open_session(result.artifact) as session:
        assert session.run({"x": np.ones((2, 4), "float32")})[0].shape == (2, 3)


def test_openvino_files_are_the_same_every_time(tmp_path):
    first, again = (convert(affine(), "openvino", tmp_path / name).artifact for name in "ab")
    assert first.digest == again.digest


def test_options_reach_the_step_that_takes_them(tmp_path):
    result = convert(affine(), "openvino", tmp_path / "out", options={"fp16": "yes", "opset": "13"})
    assert {each.dtype for each in result.artifact.parameters} == {"float16"}
    with pytest.raises(UsageError, match="no option colour"):
        convert(affine(), "openvino", tmp_path / "other", options={"colour": "red"})
    assert not (tmp_path / "other").exists()


def test_a_later_step_that_damages_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    true = all_converters()["onnx_to_openvino"].make

    def make(artifact, folder, *, options, progress):
        model = onnx.load(str(artifact.graph))
        relu(model)
        (tmp_path / "damaged").mkdir()
        onnx.save(model, str(tmp_path / "damaged" / "inference.onnx"))
        return true(open_model(tmp_path / "damaged"), folder, options=options, progress=progress)

    with_converters(monkeypatch, onnx_to_openvino={"make": make})
    with pytest.raises(ModelError, match=r"^onnx -> openvino: not converted") as caught:
        convert(affine(), "openvino", tmp_path / "out")
    assert "the first operator that diverges is pd_op.relu" in caught.value.message
    assert [each.name for each in tmp_path.iterdir()] == ["damaged"]


def relu(model):
    node = next(each for each in model.graph.node if each.op_type == "Relu")
    node.op_type = "Tanh"


def bias(model):
    weights = {each.name: each for each in model.graph.initializer}
    node = next(each for each in model.graph.node if each.op_type == "Add" and set(weights) & set(each.input))
    tensor = weights[next(each for each in node.input if each in weights)]
    value = numpy_helper.to_array(tensor) + np.arange(tensor.dims[-1], dtype="float32")
    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def second_product(model):
    node = [each for each in model.graph.node if each.op_type == "MatMul"][-1]
    tensor = next(each for each in model.graph.initializer if each.name == node.input[1])
    value = numpy_helper.to_array(tensor)[::-1].copy()
    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def last_axis(model):
    node = next(each for each in model.graph.node if each.op_type == "Softmax")
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("axis", 0))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        pytest.param(relu, "pd_op.relu", id="activation"),
        pytest.param(bias, "pd_op.add_:1", id="bias"),
        pytest.param(second_product, "pd_op.matmul:3", id="weight"),
        pytest.param(last_axis, "pd_op.softmax", id="axis"),
    ],
)
def test_the_operator_that_was_damaged_is_the_one_that_is_named(damage, named, tmp_path, monkeypatch):
    with_converters(monkeypatch, paddle_to_onnx=damaging("paddle_to_onnx", damage))
    with pytest.raises(ModelError) as caught:
        convert(affine(), "onnx", tmp_path / "out")
    assert f"the first operator that diverges is {named}" in caught.value.message
    assert not list(tmp_path.iterdir())


def test_an_rnn_that_shows_no_output_is_named(tmp_path):
    """paddle2onnx drops the lengths; Paddle's rnn cannot be traced."""
    with pytest.raises(ModelError, match=r"diverges is rnn:\d+ \(which shows no output\)"):
        convert(open_model(paddle_models.folder() / "gru"), "onnx", tmp_path / "out")


def test_a_file_that_no_runtime_loads_is_refused(tmp_path, monkeypatch):
    """As paddle2onnx 2.1.0 writes for PP-OCRv4: it reads well and does not load."""

    def ranks(model):
        node = next(each for each in model.graph.node if each.op_type == "Softmax")
        reader = node.input[0]
        model.graph.node.insert(
            len(model.graph.node) - 1, helper.make_node("Concat", [reader, "x"], ["both"], "both", axis=7)
        )
        node.input[0] = "both"

    with_converters(monkeypatch, paddle_to_onnx=damaging("paddle_to_onnx", ranks))
    with pytest.raises(ModelError, match="does not load"):
        convert(affine(), "onnx", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_stands_in_is_run_instead_and_said(tmp_path, monkeypatch):
    twins = []

    def stand_in(artifact, graph, folder):
        assert graph.suffix == ".ort"
        twins.append(folder)
        return StandIn(artifact.graph, "ARM kernels not executed")

    with_converters(monkeypatch, onnx_to_ort={"stand_in": stand_in})
    result = convert(affine(), "ort", tmp_path / "out")
    assert "ARM kernels not executed" in result.notes
    assert result.hops[-1].stand_in == "ARM kernels not executed"
    assert not twins[0].exists()


def test_a_stand_in_that_differs_refuses_the_result(tmp_path, monkeypatch):
    def stand_in(artifact, _graph, folder):
        model = onnx.load(str(artifact.graph))
        relu(model)
        onnx.save(model, str(folder / "twin.onnx"))
        return StandIn(folder / "twin.onnx", "twin")

    with_converters(monkeypatch, onnx_to_ort={"stand_in": stand_in})
    with pytest.raises(ModelError, match=r"pd_op\.relu"):
        convert(affine(), "ort", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_result_that_nothing_runs_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(_route, "all_runtimes", dict)
    with pytest.raises(MissingDependency) as caught:
        convert(affine(), "onnx", tmp_path / "out")
    assert "a result that never ran is not believed" in caught.value.hint


def test_large_weights_go_around_the_tool(tmp_path, monkeypatch):
    monkeypatch.setattr(paddle_to_onnx_file, "_LARGE_MODEL", 0)
    monkeypatch.setattr(paddle_to_onnx_file, "_LARGE_TENSOR", 100)
    result = convert(affine(), "onnx", tmp_path / "out")
    assert len(result.artifact.inputs) == 1
    assert {each.shape for each in result.artifact.parameters} >= {(4, 8), (8,), (8, 3), (3,)}
    assert max(each.relative for each in result.comparisons) < 1e-5


def test_a_model_too_large_for_one_message_gets_its_weights_beside(tmp_path):
    """With a limit of its own: 2 GB in a test would be rude."""
    from seatrial.converters import _weights_aside

    values = np.arange(2048, dtype="float32").reshape(32, 64)
    (tmp_path / "weights").write_bytes(b"head" + values.tobytes())
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info(name, float32, shape)
            for name, shape in (("x", [1, 32]), ("w", [32, 64]))
        ],
        [helper.make_tensor_value_info("y", float32, [1, 64])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    tensor = {"name": "w", "dtype": "float32", "shape": [32, 64], "offset": 4, "nbytes": values.nbytes}
    told = {"weights": str(tmp_path / "weights"), "aside": ["w"], "tensors": [tensor]}
    one, two = onnx.ModelProto(), onnx.ModelProto()
    one.CopyFrom(model)
    two.CopyFrom(model)
    _weights_aside.put_back(one, {**told, "target": str(tmp_path / "one.onnx")})
    limit, _weights_aside._LARGEST = _weights_aside._LARGEST, 1000
    try:
        _weights_aside.put_back(two, {**told, "target": str(tmp_path / "two.onnx")})
    finally:
        _weights_aside._LARGEST = limit
    assert [each.name for each in sorted(tmp_path.glob("*.data"))] == ["two.onnx.data"]
    feeds = {"x": np.ones((1, 32), "float32")}
    for name in ("one.onnx", "two.onnx"):
        artifact = open_model(tmp_path / name)
        assert [each.name for each in artifact.inputs] == ["x"]
        with open_session(artifact) as session:
            assert np.allclose(session.run(feeds)[0], values.sum(0))


def test_operators_the_tool_does_not_know_are_named():
    from seatrial import lazy
    from seatrial.converters._unsupported import explained
    from support.artifacts import by_hand

    tool = lazy.folder("paddle2onnx")
    used = {"conv2d": 1, "add": 1, "batch_norm_": 1, "lgamma": 1, "builtin.combine": 1}
    model = by_hand(tool, "paddle-json", [], operators=used)
    error = explained(ModelError("it was killed"), model, tool)
    assert "no converter for lgamma (ONNX has no operator of that name)" in error.message
    assert "conv2d" not in error.message
    loop = by_hand(tool, "paddle-json", [], operators={"while": 1, "add": 1})
    assert "decides while it runs (while)" in explained(ModelError("it was killed"), loop, tool).message
    plain = by_hand(tool, "paddle-json", [], operators={"add": 1})
    assert explained(ModelError("it was killed"), plain, tool).message == "it was killed"
