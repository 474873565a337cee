"""TensorRT without a GPU: what is described, refused and copied; the kernels themselves need the hardware."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seatrial import lazy
from seatrial.converters import _tensorrt_build
from seatrial.converters.onnx_to_tensorrt import CONVERTER, _range
from seatrial.errors import UsageError
from seatrial.model import open_model
from seatrial.runtimes._engine import Task
from seatrial.runtimes.tensorrt import TensorRtEngine
from support.fake_tensorrt import Cuda, tensorrt

RANGES = {"x": [[1, 3], [4, 3], [8, 3]]}


@pytest.fixture(autouse=True)
def cuda(monkeypatch):
    device, library = Cuda(), tensorrt()
    found = {"cuda.bindings.runtime": device, "tensorrt": library}
    monkeypatch.setattr(lazy, "load", lambda name, **_: found[name])
    return device


def built(folder, library=None, **changed):
    request = {"graph": "m.onnx", "folder": str(folder), "stem": "m", "ranges": RANGES, "workspace": 1 << 30}
    library = library or tensorrt()
    answer = _tensorrt_build.build({**request, "source": "sha256:1"}, library)
    described = folder / "m.tensorrt.json"
    if changed:
        described.write_text(json.dumps(json.loads(described.read_text()) | changed))
    return answer, library


def task(folder):
    paths = {"graph": str(folder / "m.tensorrt.json"), "weights": str(folder / "m.engine")}
    return Task(
        **paths, format="tensorrt", inputs=["x"], parameters=[], native="float32", threads=1,
        precision="float32", optimize=True, engine={}, scratch=str(folder),
    )  # fmt: skip


def test_an_engine_is_built_with_the_types_of_its_graph_and_described(tmp_path):
    answer, library = built(tmp_path)
    assert answer == {"layers": 1}
    assert ("flags", 2) in library.log  # strongly typed
    assert ("shape", "x", [1, 3], [4, 3], [8, 3]) in library.log
    artifact = open_model(tmp_path / "m.tensorrt.json")
    assert artifact.format == "tensorrt"
    assert not artifact.problems
    assert artifact.version == "TensorRT 10.16.1 for H200"
    assert [(each.name, each.dtype, each.shape) for each in artifact.inputs] == [("x", "float32", (None, 3))]
    assert artifact.metadata["compute capability"] == "9.0"


def test_what_the_parser_says_of_a_graph_is_passed_on(tmp_path):
    answer, _ = built(tmp_path, tensorrt(problems=("no importer for Frobnicate",)))
    assert "no importer for Frobnicate" in answer["error"]
    assert not list(tmp_path.iterdir())


def test_a_graph_without_an_engine_leaves_nothing(tmp_path):
    answer, _ = built(tmp_path, tensorrt(plan=None))
    assert "no engine" in answer["error"]
    assert not list(tmp_path.iterdir())


def test_an_exchanged_engine_is_no_model(tmp_path):
    built(tmp_path)
    (tmp_path / "m.engine").write_bytes(b"other")
    assert [each.code for each in open_model(tmp_path / "m.tensorrt.json").problems] == ["weights-other"]
    (tmp_path / "m.engine").unlink()
    assert [each.code for each in open_model(tmp_path / "m.tensorrt.json").problems] == ["weights-missing"]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"format": "seatrial/tensorrt/9"}, "'format'"),
        ({"engine": "../m.engine"}, "no file name"),
        ({"inputs": []}, "no inputs"),
        ({"outputs": [{"name": "y", "dtype": "complex", "shape": [1]}]}, "'outputs' has"),
        ({"outputs": [3]}, "name, dtype and shape"),
    ],
)
def test_a_description_that_is_wrong_is_told(tmp_path, changed, word):
    built(tmp_path, **changed)
    from seatrial.model.formats.tensorrt import read

    problems = read(tmp_path / "m.tensorrt.json").problems
    assert word in problems[0].message


def test_batches_of_growing_size_are_copied_there_and_back(tmp_path, cuda):
    built(tmp_path)
    engine = TensorRtEngine()
    engine.load(task(tmp_path))
    rng = np.random.default_rng(0)
    for rows in (1, 8, 3):
        x = rng.normal(size=(rows, 3)).astype("float32")
        np.testing.assert_array_equal(engine.run({"x": x})[0], 2 * x)
    x = np.asfortranarray(rng.normal(size=(8, 3)).astype("float32"))
    np.testing.assert_array_equal(engine.run({"x": x})[0], 2 * x)
    assert len(cuda.held) == 2


def test_buffers_that_become_too_small_are_given_back(tmp_path, cuda):
    built(tmp_path)
    engine = TensorRtEngine()
    engine.load(task(tmp_path))
    engine._buffer("x", 100)
    engine._buffer("x", 5000)
    assert len(cuda.freed) == 1
    assert engine._buffers["x"][1] == 8192


def test_a_batch_beyond_what_was_built_is_refused(tmp_path):
    built(tmp_path)
    engine = TensorRtEngine()
    engine.load(task(tmp_path))
    with pytest.raises(ValueError, match="outside of what the engine was built for"):
        engine.run({"x": np.zeros((9, 3), "float32")})


@pytest.mark.parametrize("changed", [{"version": "10.1.0"}, {"capability": "8.0"}])
def test_an_engine_of_another_version_or_gpu_is_refused(tmp_path, changed):
    built(tmp_path, **changed)
    with pytest.raises(UsageError, match="was built by TensorRT") as caught:
        TensorRtEngine().load(task(tmp_path))
    assert "--to tensorrt" in caught.value.hint


def test_an_error_of_cuda_is_told(tmp_path, cuda):
    built(tmp_path)
    cuda.error = 35
    with pytest.raises(RuntimeError, match="CUDA: 35"):
        TensorRtEngine().load(task(tmp_path))


def test_an_engine_knows_its_shapes_when_it_is_built():
    assert _range(("batch", 3, 8, 8), {"batch": 4}) == [[1, 3, 8, 8], [4, 3, 8, 8], [4, 3, 8, 8]]
    assert _range((None, "time"), {"side": 128}) == [[1, 1], [8, 64], [32, 128]]
    with pytest.raises(UsageError, match="free") as caught:
        _range((None, "time"), {})
    assert "side=N" in caught.value.hint
    with pytest.raises(UsageError, match="largest batch"):
        _range((None, 3), {"batch": 0})


def test_without_the_library_the_converter_says_what_to_install():
    if CONVERTER.available():
        pytest.skip("TensorRT is installed here")
    assert CONVERTER.how_to_get() == "pip install 'seatrial[tensorrt]'"
