"""Paddle Lite, ncnn, MNN and ExecuTorch, read and refused without their engines."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from test_fuzz_readers import mutated

from seatrial.errors import SeatrialError, UnsupportedModel
from seatrial.model import open_model, operators
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats._format import Garbled
from support import edge_files
from support.flatbuffers import flatbuffer

FILES = {
    "model.nb": edge_files.lite(),
    "model.param": edge_files.PARAM.encode(),
    "model.mnn": edge_files.mnn(),
    "model.pte": edge_files.pte(told=edge_files.TOLD),
}


def opened(folder, name, data):
    (folder / name).write_bytes(data)
    if name.endswith(".param"):
        (folder / name).with_suffix(".bin").write_bytes(b"\0" * 8)
    return open_model(folder / name)


def codes(artifact):
    return [each.code for each in artifact.problems]


def test_a_paddle_lite_file_says_for_whom_it_is(tmp_path):
    for code, target in ((2, "x86"), (4, "arm"), (1, "host"), (77, "target-77")):
        artifact = opened(tmp_path, "model.nb", edge_files.lite(target=code))
        assert (artifact.format, artifact.version) == ("paddlelite", "Paddle Lite v2.13-rc")
        assert artifact.problems == ()
        assert artifact.metadata["target"] == target
        assert (artifact.inputs[0].name, artifact.inputs[0].shape) == ("x", (None, 4))
        assert artifact.outputs[0].name == "y"
        assert artifact.operators == {"softmax": 1}
        assert [(each.name, each.dtype, each.shape, each.nbytes) for each in artifact.parameters] == [
            ("w", "float32", (4,), 16)
        ]
        assert operators(artifact)[0].attributes["kernel"] == f"{target} float32"


@pytest.mark.parametrize("cut", [30, 300, -1, -20], ids=str)
def test_a_cut_paddle_lite_file_is_named(cut, tmp_path):
    assert codes(opened(tmp_path, "model.nb", edge_files.lite()[:cut])) == ["graph-truncated"]


def test_what_follows_a_paddle_lite_file_is_named(tmp_path):
    assert codes(opened(tmp_path, "model.nb", edge_files.lite() + b"\0\0")) == ["graph-garbage"]


def test_an_ncnn_net_has_its_names_sizes_and_order(tmp_path):
    artifact = opened(tmp_path, "model.param", FILES["model.param"])
    assert (artifact.format, artifact.problems) == ("ncnn", ())
    # Width 8, height not said, one channel: outermost first, behind the rows.
    assert [(each.name, each.shape) for each in artifact.inputs] == [("x", (None, 1, None, 8))]
    assert [each.name for each in artifact.outputs] == ["out0", "out1"]
    assert artifact.operators == {"Convolution": 1, "ReLU": 1, "Split": 1}
    assert artifact.metadata["weights"] == "float32"
    assert [each.role for each in artifact.files] == ["graph", "parameters"]
    assert open_model(tmp_path / "model.bin").format == "ncnn"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("graph-truncated", edge_files.PARAM.rsplit("\n", 2)[0]),
        ("graph-garbage", edge_files.PARAM + "ReLU more 1 1 out0 out9\n"),
        ("graph-garbage", edge_files.PARAM.replace("4 5", "4")),
        ("graph-garbage", edge_files.PARAM.replace("4 5", "99999999 5")),
        ("graph-garbage", edge_files.PARAM.replace("1 1 2 out0", "9 1 2 out0")),
        ("graph-garbage", edge_files.PARAM.replace("Input", "Inputs")),
        ("graph-garbage", edge_files.PARAM.replace("0=16 6=144", "0=16 junk")),
    ],
    ids=["cut", "more", "no-count", "many", "few-names", "no-input", "setting"],
)
def test_a_damaged_ncnn_net_is_named(code, text, tmp_path):
    assert codes(opened(tmp_path, "model.param", text.encode())) == [code]


def test_an_ncnn_net_without_its_weights_is_named(tmp_path):
    (tmp_path / "model.param").write_text(edge_files.PARAM)
    assert codes(open_model(tmp_path / "model.param")) == ["parameters-missing"]


def test_an_mnn_net_is_read(tmp_path):
    artifact = opened(tmp_path, "model.mnn", FILES["model.mnn"])
    assert (artifact.format, artifact.problems) == ("mnn", ())
    assert [(each.name, each.dtype, each.shape) for each in artifact.inputs] == [("x", "float32", (None, 4))]
    assert [each.name for each in artifact.outputs] == ["y"]
    (only,) = operators(artifact)
    assert (only.type, only.inputs, only.outputs) == ("Softmax", ("x",), ("y",))


def test_other_flatbuffers_are_not_taken_for_mnn(tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(flatbuffer({0: ("I", 3), 3: "text", 7: ["x"]}))
    with pytest.raises(UnsupportedModel):
        open_model(path)


@pytest.mark.parametrize("cut", [60, 200, -10], ids=str)
def test_a_cut_mnn_file_is_named(cut, tmp_path):
    assert codes(opened(tmp_path, "model.mnn", edge_files.mnn()[:cut]))[0].startswith("graph-")


def test_an_executorch_program_has_the_names_that_were_left_in_it(tmp_path):
    artifact = opened(tmp_path, "model.pte", FILES["model.pte"])
    assert (artifact.format, artifact.problems) == ("executorch", ())
    assert [(each.name, each.dtype, each.shape) for each in artifact.inputs] == [
        ("image", "float32", ("batch", 4))
    ]
    assert [(each.name, each.shape) for each in artifact.outputs] == [("y", (None, 3))]
    assert artifact.metadata["largest inputs"] == "[8, 4]"
    assert artifact.operators == {"XnnpackBackend": 1, "aten::view": 1}


@pytest.mark.parametrize(
    "told", [None, "{", "[]", '{"inputs": 3}', '{"inputs": [{"name": 4}]}', "[" * 5000], ids=range(6)
)
def test_an_executorch_program_of_others_gets_plain_names(told, tmp_path):
    (spec,) = opened(tmp_path, "model.pte", edge_files.pte(told=told)).inputs
    assert (spec.name, spec.shape) == ("input_0", (None, None))


def test_a_damaged_executorch_program_is_named(tmp_path):
    assert codes(opened(tmp_path, "model.pte", edge_files.pte(segments=999))) == ["graph-truncated"]
    assert codes(opened(tmp_path, "model.pte", edge_files.pte(method="backward"))) == ["graph-garbage"]
    assert codes(opened(tmp_path, "model.pte", edge_files.pte()[:200])) == ["graph-truncated"]


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_is_a_damaged_model(name, tmp_path):
    assert opened(tmp_path, name, b"").problems


@pytest.mark.parametrize("name", FILES)
def test_a_folder_with_one_such_model_is_that_model(name, tmp_path):
    assert opened(tmp_path, name, FILES[name]).digest == open_model(tmp_path).digest


def test_a_vector_shared_ten_million_times_is_given_up():
    shared = flatbuffer({0: [{0: ("q", [1])}] * 2})
    data = bytearray(shared)
    table = Table.root(memoryview(shared))
    assert [each.integers(0, "q") for each in table.tables(0)] == [(1,), (1,)]
    # A vector that claims more elements than there are bytes.
    at = shared.index(struct.pack("<I", 2), 8)
    struct.pack_into("<I", data, at, 1 << 30)
    with pytest.raises(Garbled, match="announces"):
        list(Table.root(memoryview(bytes(data))).tables(0))
    ring = Table.root(memoryview(flatbuffer({0: [{} for _ in range(4000)]})))
    ring._buffer._left = 5000
    with pytest.raises(Garbled, match="more than any model"):
        list(ring.tables(0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_no_mutation_breaks_a_reader_of_edge_files(name, tmp_path):
    @settings(
        max_examples=100,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(mutated(FILES[name]))
    def run(data):
        try:
            operators(opened(tmp_path, name, data))
        except SeatrialError as error:
            assert error.message  # noqa: PT017 - either outcome is fine, a wordless error is not

    run()


def test_names_of_files_cannot_speak_to_the_terminal(tmp_path):
    text = edge_files.PARAM.replace("relu_0", "re\x1b[31mlu")
    assert all(each.name.isprintable() for each in operators(opened(tmp_path, "model.param", text.encode())))
