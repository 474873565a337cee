"""Sources (class, checkpoint, inputs) are read without running a line of their code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from seatrial.errors import NotFound, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.model.source import SourceRequest, input_spec, names_code, source_of
from seatrial.model.weights import iter_weights
from support import sources

W1, W2 = np.arange(32, dtype="float32").reshape(4, 8), np.ones((8, 3), "float32")


@pytest.mark.parametrize(("framework", "name"), [("paddle", "paddle-layer"), ("torch", "torch-module")])
def test_a_source_is_read_with_its_weights(framework, name, tmp_path):
    artifact = open_model(sources.affine(framework, tmp_path, W1, W2))
    assert not artifact.problems
    assert artifact.format == name
    assert [each.role for each in artifact.files] == ["graph", "other", "parameters"]
    assert artifact.inputs[0].shape == ("batch", 4)
    values = {each.name: array for each, array in iter_weights(artifact)}
    assert set(values) == {"first.weight", "first.bias", "second.weight", "second.bias"}
    for key, wanted in sources.weights(W1, W2, framework).items():
        np.testing.assert_array_equal(values[key], wanted)
    assert open_model(tmp_path).digest == artifact.digest


def test_the_digest_covers_code_and_weights(tmp_path):
    path = sources.affine("paddle", tmp_path, W1, W2)
    before = open_model(path).digest
    code = tmp_path / "affine_net.py"
    code.write_text(code.read_text("utf-8") + "# changed\n", "utf-8")
    between = open_model(path).digest
    sources.affine("paddle", tmp_path, W1 + 1, W2)
    assert len({before, between, open_model(path).digest}) == 3


def test_reading_runs_no_code(tmp_path):
    path = sources.affine("torch", tmp_path, W1, W2)
    marker = tmp_path / "ran"
    (tmp_path / "affine_net.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n", "utf-8")
    assert not open_model(path).problems
    assert not marker.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"class": "no class"}, "expected the name of a class"),
        ({"code": "../net.py"}, "beside the .source.yaml"),
        ({"code": "/etc/passwd"}, "beside the .source.yaml"),
        ({"weights": "../w.pdparams"}, "beside the .source.yaml"),
        ({"inputs": []}, "must list the inputs"),
        ({"inputs": [{"name": "x", "dtype": "float33", "shape": [1]}]}, "float33"),
        ({"inputs": [{"name": "x", "dtype": "float32", "shape": [0]}]}, "shape"),
        ({"inputs": [{"name": "x", "dtype": "float32"}]}, "and nothing else"),
        ({"inputs": [{"name": "x", "dtype": "float32", "shape": [1]}] * 2}, "one name"),
        ({"arguments": [1]}, "keyword"),
        ({"wieghts": "x"}, "'wieghts' is no field"),
    ],
    ids=lambda each: str(next(iter(each.items())))[:40] if isinstance(each, dict) else "",
)
def test_a_wrong_field_is_named(changes, said, tmp_path):
    artifact = open_model(sources.affine("paddle", tmp_path, W1, W2, **changes))
    (problem,) = artifact.problems
    assert problem.code == "source-wrong"
    assert said in problem.message
    assert problem.hint


def test_an_unknown_framework_is_named(tmp_path):
    path = sources.affine("paddle", tmp_path, W1, W2)
    path.write_text(path.read_text("utf-8").replace("framework: paddle", "framework: jax"), "utf-8")
    (problem,) = open_model(path).problems
    assert "expected paddle or torch" in problem.message


def test_files_that_are_not_there_are_named(tmp_path):
    path = sources.affine(
        "paddle", tmp_path, W1, W2, code=["affine_net.py", "blocks.py"], weights="w.pdparams"
    )
    assert {each.code for each in open_model(path).problems} == {"code-missing", "parameters-missing"}


@pytest.mark.parametrize("framework", ["paddle", "torch"])
def test_a_checkpoint_that_would_run_code_is_a_problem(framework, tmp_path):
    marker = tmp_path / "ran"
    name = "affine.pdparams" if framework == "paddle" else "affine.pt"
    path = sources.affine(framework, tmp_path, W1, W2, weights=name)
    bad = {"w": W1, "x": sources.Touches(marker)}
    if framework == "paddle":
        (tmp_path / name).write_bytes(pickle.dumps(bad, protocol=4))
    else:
        sources.torch_zip(tmp_path / name, bad)
    found = {each.code: each for each in open_model(path).problems}
    assert "mkdir" in found["pickle-runs-code"].message
    assert not marker.exists()


@pytest.mark.parametrize("keep", [0, 1, 9, 40, 200])
@pytest.mark.parametrize("framework", ["paddle", "torch"])
def test_a_cut_checkpoint_is_a_problem(framework, keep, tmp_path):
    path = sources.affine(framework, tmp_path, W1, W2)
    weights = next(each for each in tmp_path.iterdir() if each.suffix in (".pdparams", ".safetensors"))
    weights.write_bytes(weights.read_bytes()[:keep])
    assert open_model(path).problems


def test_paddle_two_tuples_and_optimizers_are_understood(tmp_path):
    path = sources.affine("paddle", tmp_path, W1, W2)
    old = {
        "first.weight": ("linear_0.w_0", W1),
        "StructuredToParameterName@@": {"first.weight": "linear_0.w_0"},
    }
    (tmp_path / "affine.pdparams").write_bytes(pickle.dumps(old, protocol=2))
    (parameter,) = open_model(path).parameters
    assert (parameter.name, parameter.shape) == ("first.weight", (4, 8))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("image=float32[batch,1,8,8]", ("batch", 1, 8, 8)),
        ("ids=int64[?, 12]", (None, 12)),
        ("s=float32[]", ()),
    ],
)
def test_an_input_is_read_from_a_word(text, shape):
    assert input_spec(text).shape == shape


@pytest.mark.parametrize(
    "text", ["image", "image=float32", "image=float33[1]", "image=float32[-1]", "=float32[1]"]
)
def test_another_word_is_refused(text):
    with pytest.raises(UsageError) as caught:
        input_spec(text)
    assert caught.value.hint


def test_a_source_is_written_for_a_class(tmp_path):
    sources.affine("torch", tmp_path / "net", W1, W2)
    code = tmp_path / "net" / "affine_net.py"
    (tmp_path / "net" / "blocks.py").write_text("WIDTH = 8\n", "utf-8")
    code.write_text("from blocks import WIDTH\n" + code.read_text("utf-8"), "utf-8")
    request = SourceRequest(
        model=f"{code}:Affine",
        inputs=["x=float32[batch,4]"],
        weights=tmp_path / "net" / "affine.safetensors",
        arguments=["hidden=8"],
    )
    (tmp_path / "out").mkdir()
    artifact = open_model(source_of(request, tmp_path / "out"))
    assert not artifact.problems
    assert artifact.format == "torch-module"
    assert {each.path.name for each in artifact.files} >= {"affine_net.py", "blocks.py", "affine.safetensors"}
    assert len(artifact.parameters) == 4


def test_what_is_missing_for_a_source_is_said(tmp_path):
    sources.affine("torch", tmp_path, W1, W2)
    code, inputs = f"{tmp_path / 'affine_net.py'}:Affine", ["x=float32[1]"]
    with pytest.raises(UsageError, match="inputs"):
        source_of(SourceRequest(code, []), tmp_path)
    with pytest.raises(NotFound, match="no weights"):
        source_of(SourceRequest(code, inputs, weights=tmp_path / "none.pt"), tmp_path)
    with pytest.raises(NotFound, match="no file"):
        source_of(SourceRequest(f"{tmp_path}/other.py:A", inputs), tmp_path)
    with pytest.raises(UsageError, match="no argument"):
        source_of(SourceRequest(code, inputs, arguments=["a b=1"]), tmp_path)
    (tmp_path / "plain.py").write_text("class A: pass\n", "utf-8")
    with pytest.raises(UsageError, match="neither paddle nor torch"):
        source_of(SourceRequest(f"{tmp_path / 'plain.py'}:A", inputs), tmp_path)
    (tmp_path / "broken.py").write_text("class A(:\n", "utf-8")
    with pytest.raises(UsageError, match="no Python"):
        source_of(SourceRequest(f"{tmp_path / 'broken.py'}:A", inputs), tmp_path)
    assert names_code("net.py:Digits")
    assert not names_code("model/net.onnx")


def test_a_file_without_the_first_line_is_no_source(tmp_path):
    (tmp_path / "a.source.yaml").write_text("framework: paddle\n", "utf-8")
    with pytest.raises(UnsupportedModel):
        open_model(tmp_path / "a.source.yaml")
