"""What converters to ncnn and MNN set right in what the tools write, and what they refuse before."""

from __future__ import annotations

import pytest

from seatrial.contract import TensorSpec
from seatrial.converters import onnx_to_ncnn, torch_to_executorch
from seatrial.converters.onnx_to_mnn import settled
from seatrial.converters.onnx_to_ncnn import named
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model import open_model
from support import edge_files
from support.artifacts import by_hand

PNNX = """\
7767517
3 3
Input                    in0                      0 1 in0
Convolution              conv_0                   1 1 in0 1 0=16 6=144
Softmax                  soft_0                   1 1 1 out0 0=0 1=1
"""


def ncnn(tmp_path, *inputs):
    (tmp_path / "m.param").write_text(named(PNNX, inputs))
    (tmp_path / "m.bin").write_bytes(b"\0" * 4)
    return open_model(tmp_path / "m.param")


def test_ncnn_inputs_get_their_names_and_shapes(tmp_path):
    artifact = ncnn(tmp_path, TensorSpec("image", "float32", ("batch", 3, 48, None)))
    assert [(each.name, each.shape) for each in artifact.inputs] == [("image", (None, 3, 48, None))]
    assert artifact.problems == ()


def test_an_input_called_like_an_inner_blob_stays_the_input(tmp_path):
    artifact = ncnn(tmp_path, TensorSpec("1", "float32", (1, 3, 8, 8)))
    assert [each.name for each in artifact.inputs] == ["1"]
    text = (tmp_path / "m.param").read_text().splitlines()
    assert text[3].split()[4:6] == ["1", "1_inner"]
    assert text[4].split()[4:6] == ["1_inner", "out0"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TensorSpec("ids", "int64", (None, 12)), "ncnn takes float32, the input 'ids' is int64"),
        (TensorSpec("x", "float32", (4, 12)), "has one of 4"),
        (TensorSpec("x", "float32", (None,)), "has 1"),
        (TensorSpec("x", "float32", (None, 1, 2, 3, 4, 5)), "has 6"),
        (TensorSpec("an image", "float32", (None, 3)), "separates names by spaces"),
    ],
    ids=["ids", "batch", "scalar", "six", "spaces"],
)
def test_what_ncnn_cannot_be_told_is_refused_before_it_is_asked(spec, said, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_to_ncnn.tools, "require", lambda _: None)
    artifact = by_hand(tmp_path / "m.onnx", "onnx", [spec])
    with pytest.raises(UnsupportedModel, match=said):
        onnx_to_ncnn.make(artifact, tmp_path, options={}, progress=lambda _: None)


def test_free_sizes_are_shown_to_pnnx_in_two_different_ones():
    specs = [TensorSpec("x", "float32", ("batch", 3, None, None)), TensorSpec("y", "float32", (None, 4))]
    assert onnx_to_ncnn._shapes("a", specs, 0) == "a=[1,3,64,64],[1,4]"
    assert onnx_to_ncnn._shapes("b", specs, 1) == "b=[1,3,96,128],[1,4]"


def test_an_mnn_file_says_which_axes_are_free_and_is_the_same_each_time(tmp_path):
    spec = TensorSpec("x", "float32", (None, 4))
    made = [settled(edge_files.mnn(dims=(1, 4), uuid=each * 36), [spec], "i" * 36) for each in "ab"]
    assert made[0] == made[1]
    (tmp_path / "m.mnn").write_bytes(made[0])
    artifact = open_model(tmp_path / "m.mnn")
    assert artifact.inputs[0].shape == (None, 4)
    assert artifact.metadata["id"] == "i" * 36
    fixed = TensorSpec("x", "float32", (1, 4))
    (tmp_path / "m.mnn").write_bytes(settled(edge_files.mnn(dims=(1, 4)), [fixed], "i" * 36))
    assert open_model(tmp_path / "m.mnn").inputs[0].shape == (1, 4)


@pytest.mark.parametrize(
    "options", [{"batch": -1}, {"largest": -3}, {"batch": 2.5}], ids=["few", "small", "half"]
)
def test_memory_is_not_planned_for_nothing(options, tmp_path, monkeypatch):
    monkeypatch.setattr(torch_to_executorch.tools, "require", lambda _: None)
    artifact = by_hand(tmp_path / "m.pt2", "torch-exported", [TensorSpec("x", "float32", (None, 4))])
    with pytest.raises(UsageError, match="whole number"):
        torch_to_executorch.make(artifact, tmp_path, options=options, progress=lambda _: None)
