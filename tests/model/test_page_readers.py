"""What lies in a folder for a web page is read without a browser, and its damage is named."""

from __future__ import annotations

import contextlib
import hashlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from seatrial.errors import SeatrialError
from seatrial.model import open_model, operators
from support.browsers import save_onnx


def web(folder, *, rows=1, **changes):
    (folder / "model").mkdir(parents=True)
    model = save_onnx(
        folder / "model" / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", TensorProto.FLOAT, [1 if rows else "batch", 4])],
        [("y", TensorProto.FLOAT, [1 if rows else "batch", 3])],
        {"w": np.ones((4, 3), "float32")},
    )
    told = {
        "format": "seatrial/web/1",
        "model": {"file": "model/m.onnx", "sha256": hashlib.sha256(model.read_bytes()).hexdigest()},
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": [1, 3]}],
        "rows": rows,
        "providers": ["wasm"],
        **changes,
    }
    (folder / "web.json").write_text(json.dumps(told))
    (folder / "index.html").write_text("<!doctype html>")
    return folder


def test_a_folder_for_a_page_is_one_model(tmp_path):
    read = open_model(web(tmp_path / "a"))
    assert (read.format, read.problems) == ("web", ())
    assert [each.path.name for each in read.files] == ["web.json", "m.onnx", "index.html"]
    assert read.weights is not None
    # Rows go one by one: any number of them may come.
    assert read.inputs[0].shape == ("batch", 4)
    assert read.operators == {"MatMul": 1}
    assert [each.type for each in operators(read)] == ["MatMul"]
    assert [(each.name, each.shape) for each in read.parameters] == [("w", (4, 3))]
    assert "1" in read.metadata["rows of one run"]
    assert open_model(web(tmp_path / "b", rows=0)).inputs[0].batch_is_free


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": "seatrial/web/1", "model": {"file": "model/m.onnx", "sha256": "0"}}, "weights-other"),
        ({"model": {"file": "../m.onnx", "sha256": "0"}}, "graph-garbage"),
        ({"model": {"file": "/m.onnx", "sha256": "0"}}, "graph-garbage"),
        ({"model": {"file": "model/other.onnx", "sha256": "0"}}, "weights-missing"),
        ({"model": 3}, "graph-garbage"),
        ({"rows": "one"}, "graph-garbage"),
        ({"rows": 2}, "graph-garbage"),
        ({"providers": None}, "graph-garbage"),
        ({"inputs": [{"name": "z", "dtype": "float32", "shape": []}]}, "interface-other"),
    ],
    ids=["digest", "above", "absolute", "missing", "model", "rows", "many-rows", "providers", "inputs"],
)
def test_a_description_that_does_not_fit_is_a_defect(tmp_path, changes, code):
    read = open_model(web(tmp_path / "a", **changes) / "web.json")
    assert read.format == "web"
    assert code in {each.code for each in read.problems}


def paddlejs(folder, told=None, chunks=((1.0,) * 8, (2.0,) * 5)):
    folder.mkdir()
    for place, values in enumerate(chunks, start=1):
        (folder / f"chunk_{place}.dat").write_bytes(np.array(values, "<f4").tobytes())
    graph = {
        "chunkNum": 2,
        "dataLayout": "nchw",
        "feedShape": {"fc": 1, "fh": 1, "fw": 4},
        "ops": [
            {"type": "feed", "inputs": {"X": ["feed"]}, "outputs": {"Out": ["image"]}, "attrs": {}},
            {
                "type": "matmul_v2",
                "inputs": {"X": ["image"], "Y": ["w0"]},
                "outputs": {"Out": ["v0"]},
                "attrs": {"trans_x": False},
            },
            {"type": "fetch", "inputs": {"X": ["v0"]}, "outputs": {"Out": ["fetch"]}, "attrs": {}},
        ],
        "vars": {
            "image": {"name": "image", "shape": [1, 4], "persistable": False},
            "w0": {"name": "w0", "shape": [4, 2], "persistable": True},
            "w1": {"name": "w1", "shape": [5], "persistable": True},
            "v0": {"name": "v0", "shape": [1, 2]},
        },
    }
    (folder / "model.json").write_text(json.dumps({**graph, **(told or {})}))
    return folder


def test_a_model_of_paddle_js_is_read_whoever_made_it(tmp_path):
    read = open_model(paddlejs(tmp_path / "theirs"))
    assert (read.format, read.problems) == ("paddlejs", ())
    assert (read.inputs[0].name, read.inputs[0].shape) == ("image", ("batch", 4))
    assert (read.outputs[0].name, read.outputs[0].shape) == ("v0", ("batch", 2))
    assert [(each.name, each.file.name, each.offset) for each in read.parameters] == [
        ("w0", "chunk_1.dat", 0),
        ("w1", "chunk_2.dat", 0),
    ]
    (only,) = operators(read)
    assert (only.type, only.inputs, only.outputs) == ("matmul_v2", ("image", "w0"), ("v0",))
    named = {"input": {"name": "x", "shape": [1, 4]}, "output": {"name": "y", "shape": [1, 2]}}
    ours = {"seatrial": {"format": "seatrial/paddlejs/1", **named}}
    read = open_model(paddlejs(tmp_path / "ours", ours))
    assert (read.inputs[0].name, read.outputs[0].name) == ("x", "y")


@pytest.mark.parametrize(
    ("told", "chunks", "code"),
    [
        ({}, ((1.0,) * 8, (2.0,) * 4), "parameters-truncated"),
        ({}, ((1.0,) * 8, (2.0,) * 9), "parameters-trailing-bytes"),
        ({}, ((1.0,) * 8,), "parameters-missing"),
        ({"chunkNum": -1}, (), "graph-garbage"),
        ({"ops": [{}]}, ((1.0,) * 8, (2.0,) * 5), "graph-garbage"),
        ({"vars": 3}, ((1.0,) * 8, (2.0,) * 5), "graph-garbage"),
        ({"vars": {}, "feedShape": 1}, ((1.0,) * 8, (2.0,) * 5), "graph-garbage"),
    ],
    ids=["short", "long", "missing", "count", "operator", "variables", "feed"],
)
def test_damage_of_a_model_of_paddle_js_is_named(tmp_path, told, chunks, code):
    read = open_model(paddlejs(tmp_path / "m", told, chunks) / "model.json")
    assert code in {each.code for each in read.problems}


@pytest.mark.parametrize("make", [web, paddlejs], ids=["web", "paddlejs"])
@given(
    at=st.integers(0, 700),
    value=st.sampled_from([b"", b"[", b"0", b'"', b"null", b"-1", b"1e9", b"{}", b"9" * 30]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_description_says_the_reader_answers(tmp_path, make, at, value):
    folder = tmp_path / make.__name__
    if not folder.exists():
        make(folder)
    name = "web.json" if make is web else "model.json"
    seed = (tmp_path / f"seed-{name}") if (tmp_path / f"seed-{name}").exists() else folder / name
    data = seed.read_bytes()
    (tmp_path / f"seed-{name}").write_bytes(data)
    (folder / name).write_bytes(data[:at] + value + data[at + 1 :])
    with contextlib.suppress(SeatrialError):
        operators(open_model(folder / name))
