"""ONNX, OpenVINO IR and TorchScript, read and refused without their engines."""

import io
import zipfile

import numpy as np
import pytest
from test_fuzz_readers import torchscript

from seatrial.model import open_model, operators
from seatrial.model.weights import read_parameter
from support import models

TABLE = np.ones((50, 4), np.float32)


def codes(artifact):
    return [each.code for each in artifact.problems]


def written(tmp_path, data, name="model.onnx"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_onnx_is_read_with_names_of_dimensions_and_ranges(tmp_path):
    artifact = open_model(written(tmp_path, models.onnx_network()))
    (ids,) = artifact.inputs
    assert (ids.shape, ids.dtype, ids.low, ids.high) == (("batch", "T"), "int64", 0, 49)
    assert (artifact.version, artifact.problems) == ("opset 17, ir 8", ())
    assert artifact.operators == {"Gather": 1, "Relu": 1}
    assert [(each.name, each.nbytes) for each in artifact.parameters] == [("table", 800)]


def external(**entries):
    return models.onnx_network(tensors=[models.onnx_external("table", TABLE, **entries)])


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("version-from-the-future", models.onnx_network(opset=99)),
        ("version-from-the-future", models.onnx_network(ir=99)),
        ("operator-unknown", models.onnx_network(kind="Relu_nope")),
        ("operator-unknown", models.onnx_network(kind="Gelu")),
        (
            "parameters-truncated",
            models.onnx_network(tensors=[models.onnx_tensor("table", TABLE, raw=b"\0" * 796)]),
        ),
        ("graph-incomplete", models.onnx_network(tensors=[])),
        ("parameter-twice", models.onnx_network(tensors=[models.onnx_tensor("table", TABLE)] * 2)),
        ("parameters-missing", external(location="absent.bin")),
        ("external-data-escape", external(location="../secret")),
        ("external-data-escape", external(location="/etc/passwd")),
        ("external-data-escape", external(location="C:\\x")),
        ("external-data-escape", external(location="link")),
        ("parameters-truncated", external(location="short.bin")),
        ("parameters-truncated", external(location="data.bin", offset=8)),
        ("parameters-header", external(location="data.bin", offset="-1")),
        ("parameters-header", external(location="data.bin", length=3)),
        ("graph-truncated", models.onnx_network()[:-40]),
        ("graph-garbage", b"text"),
    ],
)
def test_damaged_onnx_is_named(code, data, tmp_path):
    (tmp_path / "short.bin").write_bytes(b"\0" * 10)
    (tmp_path / "data.bin").write_bytes(TABLE.tobytes())
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert code in codes(open_model(written(tmp_path, data)))


def test_external_data_belongs_to_the_artifact(tmp_path):
    (tmp_path / "data.bin").write_bytes(TABLE.tobytes())
    artifact = open_model(written(tmp_path, external(location="data.bin")))
    assert artifact.problems == ()
    assert [each.role for each in artifact.files] == ["graph", "parameters"]


def test_overlapping_external_data_is_named_and_tied_weights_are_not(tmp_path):
    (tmp_path / "data.bin").write_bytes(TABLE.tobytes() * 2)
    for offset, expected in ((400, ["parameters-overlap"]), (0, []), (800, [])):
        tensors = [
            models.onnx_external("table", TABLE, location="data.bin", offset=0, length=800),
            models.onnx_external("other", TABLE, location="data.bin", offset=offset, length=800),
        ]
        assert codes(open_model(written(tmp_path, models.onnx_network(tensors=tensors)))) == expected


def test_subgraphs_and_functions_are_counted(tmp_path):
    body = models.block(1, models.onnx_node("Tanh", ["x"], ["y"])) + models.block(2, "then")
    branch = models.block(5, models.block(1, "then_branch") + models.block(6, body) + models.number(20, 5))
    function = (
        models.block(1, "Mine")
        + models.block(7, models.onnx_node("Exp", ["a"], ["b"]))
        + models.block(10, "own")
    )
    nodes = [
        models.onnx_node("If", ["c"], ["z"], extra=branch),
        models.onnx_node("Mine", ["z"], ["q"], domain="own"),
    ]
    inputs = [models.onnx_value("c", "uint8", []), models.onnx_value("x", "float32", [2])]
    content = models.onnx_model(nodes, inputs=inputs, extra=models.block(25, function))
    artifact = open_model(written(tmp_path, content))
    assert artifact.operators == {"Exp": 1, "If": 1, "Tanh": 1, "own.Mine": 1}
    assert {each.type: each.scope for each in operators(artifact)}["Tanh"] == "If:0"
    assert artifact.problems == ()


def openvino(tmp_path, text, data=b"\0" * 24):
    if data is not None:
        (tmp_path / "model.bin").write_bytes(data)
    return open_model(written(tmp_path, text.encode(), "model.xml"))


def test_openvino_is_read(tmp_path):
    artifact = openvino(tmp_path, models.openvino())
    assert (artifact.format, artifact.version, artifact.problems) == ("openvino", "IR 11", ())
    assert (artifact.inputs[0].name, artifact.inputs[0].shape) == ("x", (None, 3))
    assert artifact.outputs[0].shape == (None, 2)
    assert operators(artifact)[0].inputs == ("x", "w")


@pytest.mark.parametrize(
    ("code", "text", "data"),
    [
        ("parameters-missing", models.openvino(), None),
        ("parameters-truncated", models.openvino(), b"\0" * 20),
        ("parameters-trailing-bytes", models.openvino(), b"\0" * 30),
        ("version-from-the-future", models.openvino(version=99), b"\0" * 24),
        ("graph-garbage", models.openvino(size=20), b"\0" * 24),
        ("graph-garbage", models.openvino(head='<!DOCTYPE a [<!ENTITY b "c">]>'), b"\0" * 24),
        ("graph-truncated", models.openvino()[:-20], b"\0" * 24),
        ("graph-truncated", "", b"\0" * 24),
    ],
)
def test_damaged_openvino_is_named(code, text, data, tmp_path):
    assert code in codes(openvino(tmp_path, text, data))


def test_torchscript_is_read_by_its_text(tmp_path):
    artifact = open_model(written(tmp_path, torchscript(), "model.pt"))
    assert (artifact.format, artifact.version, artifact.problems) == ("torchscript", "TorchScript 3", ())
    assert [each.name for each in artifact.inputs] == ["x"]
    assert artifact.operators == {"relu": 1}


def test_hostile_code_does_not_hold_the_reader_up(tmp_path):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/code/m.py", "def forward(self" + ", a:[" * 100_000)
        archive.writestr("m/data.pkl", b"\x80\x02}q\x00.")
    assert open_model(written(tmp_path, held.getvalue(), "model.pt")).inputs == ()


def test_a_thousand_unknown_operators_are_told_in_ten(tmp_path):
    nodes = [models.onnx_node(f"Nope{index}", ["x"], ["y"]) for index in range(1000)]
    content = models.onnx_model(nodes, inputs=[models.onnx_value("x", "float32", [2])])
    assert len(open_model(written(tmp_path, content)).problems) == 10


def torch_weight(rows: int) -> bytes:
    """A module with one float32 weight [2, 3], its pickle written instruction by instruction."""

    def text(value):
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x06tQ"
    sizes = b"K\x00K" + bytes([rows]) + b"K\x03\x86K\x03K\x01\x86\x89"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + sizes + b"ccollections\nOrderedDict\n)RtR"
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("m/code/m.py", "def forward(self: M, x: Tensor) -> Tensor:\n  return x\n")
        archive.writestr("m/data.pkl", b"\x80\x02}" + text("weight") + tensor + b"s.")
        archive.writestr("m/data/0", np.arange(6, dtype=np.float32).tobytes())
    return held.getvalue()


def test_torchscript_weights_are_found_without_opening_the_pickle(tmp_path):
    artifact = open_model(written(tmp_path, torch_weight(2), "model.pt"))
    assert artifact.problems == ()
    (weight,) = artifact.parameters
    np.testing.assert_array_equal(read_parameter(weight), np.arange(6, dtype=np.float32).reshape(2, 3))


def test_a_torchscript_weight_larger_than_its_storage_is_named(tmp_path):
    assert codes(open_model(written(tmp_path, torch_weight(9), "model.pt"))) == ["parameters-truncated"]


def test_a_cut_torchscript_file_is_named(tmp_path):
    assert codes(open_model(written(tmp_path, torchscript()[:-30], "model.pt"))) == ["graph-truncated"]


@pytest.mark.slow
def test_real_onnx_models_are_read_without_a_defect(ppocr):
    for path in sorted((ppocr / "rapidocr_onnxruntime" / "models").glob("*.onnx")):
        artifact = open_model(path)
        assert artifact.problems == ()
        assert all(each.file is not None for each in artifact.parameters)
