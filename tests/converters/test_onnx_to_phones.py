"""ncnn and MNN for real: made beside, compared, the same each time, refused where they would lie."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from seatrial.converters import convert
from seatrial.errors import EngineFailure, ModelError, SeatrialError, UnsupportedModel
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, open_session
from support import edge_models, models

pytestmark = pytest.mark.slow
FORMATS = ["ncnn", "mnn"]


@pytest.fixture(autouse=True)
def _tool():
    edge_models.needs("edge")


@pytest.fixture(scope="module")
def images(digits):
    return np.load(digits / "held_out.npz")["image"][:24].astype("float32")


@pytest.fixture(scope="module")
def onnx(digits, images, tmp_path_factory):
    out = tmp_path_factory.mktemp("phones") / "onnx"
    return convert(open_model(digits / "model"), "onnx", out, samples=[{"image": images[:1]}]).artifact


@pytest.fixture(scope="module")
def made(onnx, images, tmp_path_factory):
    edge_models.needs("edge")
    samples = [{"image": each[None]} for each in images]
    root = tmp_path_factory.mktemp("made")
    return {name: convert(onnx, name, root / name, samples=samples) for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_digits_are_converted_with_their_names_and_free_axes(name, made, images, onnx):
    result = made[name]
    assert max(each.relative for each in result.comparisons) < 1e-4
    assert {each.shapes["image"][0] for each in result.comparisons} >= {1, 3, 8}
    (spec,) = result.artifact.inputs
    assert (spec.name, spec.dtype, spec.shape) == ("image", "float32", (None, 1, 8, 8))
    with open_session(onnx) as source, open_session(result.artifact, name) as session:
        np.testing.assert_allclose(
            session.run({"image": images})[0], source.run({"image": images})[0], atol=1e-5
        )
        assert session.exercise.runtime.startswith(name)
        assert session.exercise.threads == 1


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_model_gives_the_same_files_and_nothing_beside(name, made, onnx, tmp_path):
    again = convert(onnx, name, tmp_path / "again")
    assert again.artifact.digest == made[name].artifact.digest
    left = sorted(each.suffix for each in (tmp_path / "again").iterdir())
    assert left == ([".bin", ".param"] if name == "ncnn" else [".mnn"])


@pytest.mark.parametrize("name", FORMATS)
def test_weights_of_16_bits_are_half_the_size_and_a_little_off(name, made, onnx, images, tmp_path):
    samples = [{"image": each[None]} for each in images]
    half = convert(onnx, name, tmp_path / "half", samples=samples, options={"fp16": True})
    assert half.artifact.size < 0.6 * made[name].artifact.size
    assert 1e-6 < max(each.relative for each in half.comparisons) < 0.02
    assert half.hops[-1].tolerance == 0.02


@pytest.mark.parametrize("name", FORMATS)
def test_a_real_model_of_free_sizes_is_converted(name, ppocr, tmp_path):
    source = open_model(ppocr / "rapidocr_onnxruntime" / "models" / "ch_ppocr_mobile_v2.0_cls_infer.onnx")
    rng = np.random.default_rng(0)
    samples = [{"x": rng.uniform(-1, 1, (1, 3, 48, 192)).astype("float32")} for _ in range(3)]
    result = convert(source, name, tmp_path / "out", samples=samples)
    assert {each.case for each in result.comparisons} >= {"height 80", "width 96", "width 224"}
    assert max(each.relative for each in result.comparisons) < 1e-4


@pytest.mark.parametrize("name", FORMATS)
def test_an_operator_that_they_do_not_know_is_refused(name, tmp_path):
    node = models.onnx_node("Det", ["x"], ["y"])
    inputs = [models.onnx_value("x", "float32", ["batch", 3, 3])]
    (tmp_path / "det.onnx").write_bytes(models.onnx_model([node], inputs=inputs))
    with pytest.raises(ModelError):
        convert(open_model(tmp_path / "det.onnx"), name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tokens_are_not_for_ncnn(tmp_path):
    (tmp_path / "ids.onnx").write_bytes(models.onnx_network())
    with pytest.raises(UnsupportedModel, match="takes float32, the input 'ids' is int64"):
        convert(open_model(tmp_path / "ids.onnx"), "ncnn", tmp_path / "out")


def test_tokens_go_to_mnn_as_what_they_are(tmp_path):
    """Its converter declares int64 as int32, which the engine takes for the same."""
    (tmp_path / "ids.onnx").write_bytes(models.onnx_network())
    result = convert(open_model(tmp_path / "ids.onnx"), "mnn", tmp_path / "out").artifact
    (spec,) = result.inputs
    assert (spec.name, spec.dtype, spec.shape) == ("ids", "int64", (None, None))
    with open_session(result) as session:
        with pytest.raises(SeatrialError, match="int64"):
            session.run({"ids": np.full((1, 3), 1 << 40, "int64")})
        assert session.run({"ids": np.ones((2, 3), "int64")})[0].shape == (2, 3, 4)


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_file_is_refused_by_reader_or_engine(name, made, images, tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(made[name].artifact.graph.parent, folder)
    file = next(each for each in folder.iterdir() if each.suffix in (".bin", ".mnn"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SeatrialError):
        open_session(open_model(folder)).run({"image": images})


def test_a_layer_that_ncnn_does_not_know_is_an_engine_failure(made, tmp_path):
    folder = tmp_path / "odd"
    shutil.copytree(made["ncnn"].artifact.graph.parent, folder)
    graph = next(folder.glob("*.param"))
    graph.write_text(graph.read_text().replace("Softmax ", "Softmaxx"))
    with pytest.raises(EngineFailure, match=r"does not take the \.param file"):
        open_session(open_model(folder))


def test_an_ncnn_net_shows_every_blob_and_says_that_it_goes_row_by_row(made, images):
    with open_session(made["ncnn"].artifact, options=SessionOptions(optimize=False)) as session:
        (answer,) = session.run({"image": images[:3]})
        traced = session.trace({"image": images[:3]})
        assert any("one row after the other" in each for each in session.exercise.notes)
    assert traced[-1].operator == "Softmax"
    np.testing.assert_allclose(traced[-1].value, answer, atol=1e-6)
    assert len(traced) == len(made["ncnn"].artifact.operators) + 2  # two types occur twice
