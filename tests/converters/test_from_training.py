"""From a checkpoint of each framework to ONNX and beyond, on digits trained there (M20).

PyTorch and TensorFlow lie beside Seatrial; where they are not, these tests skip and say how they are got.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seatrial import tools
from seatrial.converters import convert
from seatrial.errors import ModelError
from seatrial.model import open_model
from seatrial.model.source import SourceRequest, source_of
from seatrial.runtimes import open_session
from support import train_elsewhere

pytestmark = pytest.mark.slow
SPEC = "image=float32[batch,1,8,8]"


def needed(tool: str) -> Path:
    found = tools.find(tool)
    if found is None:
        pytest.skip(f"'{tool}' is not on this machine: {tools.how_to_get(tool)}")
    return found.path


def trained(kind: str, python: Path | str, digits: Path) -> Path:
    """What `train_elsewhere.py` writes: once a machine, and again when it changes."""
    recipe = Path(train_elsewhere.__file__)
    key = hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]
    folder = tools.side_folder() / "cache" / f"digits-{kind}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"lock-{kind}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            command = [
                str(python),
                "-P",
                "-W",
                "ignore",
                str(recipe),
                kind,
                str(digits / "members.npz"),
                str(folder),
            ]
            quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet})
            assert done.returncode == 0, done.stderr[-2000:]
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def torch_digits(digits: Path) -> Path:
    return trained("torch", needed("torch"), digits)


@pytest.fixture(scope="session")
def paddle_digits(digits: Path) -> Path:
    return trained("paddle", sys.executable, digits)


@pytest.fixture(scope="session")
def keras_digits(digits: Path) -> Path:
    return trained("keras", needed("tensorflow"), digits)


@pytest.fixture
def held_out(digits: Path):
    with np.load(digits / "held_out.npz") as arrays:
        return arrays["image"].astype("float32"), arrays["label"]


def source(folder: Path, into: Path, name: str = "DigitsNet", spec: str = SPEC):
    weights = next(each for each in folder.iterdir() if each.suffix in (".pt", ".pdparams"))
    into.mkdir(parents=True)
    request = SourceRequest(f"{folder / 'digits_net.py'}:{name}", [spec], weights=weights)
    return open_model(source_of(request, into))


def scores(artifact, images):
    with open_session(artifact) as session:
        return session.run({"image": images})[0]


def gone(source, target, out, images, **options):
    """Converts with some real samples; the result, and that it scores as the source does on all of them."""
    samples = [{"image": each[None]} for each in images[:12]]
    result = convert(source, target, out, samples=samples, options=options)
    assert {each.shapes["image"][0] for each in result.comparisons} >= {1, 3}, "the batch is free"
    assert max(each.relative for each in result.comparisons) < 1e-4
    return result.artifact


def accuracy(artifact, images, labels):
    return (scores(artifact, images).argmax(1) == labels).mean()


def test_a_paddle_checkpoint_becomes_a_static_graph_and_onnx(paddle_digits, held_out, tmp_path):
    images, labels = held_out
    layer = source(paddle_digits, tmp_path / "source")
    onnx = gone(layer, "onnx", tmp_path / "onnx", images)
    assert onnx.inputs[0].shape == ("batch", 1, 8, 8)
    assert accuracy(onnx, images, labels) == accuracy(layer, images, labels) > 0.85


def test_a_paddle_checkpoint_becomes_the_old_graph(paddle_digits, held_out, tmp_path):
    made = gone(source(paddle_digits, tmp_path / "source"), "paddle-pdmodel", tmp_path / "out", held_out[0])
    # The code lay in a folder of this machine for a moment; nobody is to read its name.
    assert not any(b"seatrial-source-" in each.path.read_bytes() for each in made.files)


def test_a_branch_on_data_is_kept_by_paddle(paddle_digits, held_out, tmp_path):
    layer = source(paddle_digits, tmp_path / "source", "Branches")
    made = gone(layer, "paddle-json", tmp_path / "out", held_out[0])
    for images in (np.full((2, 1, 8, 8), 0.9, "float32"), np.full((2, 1, 8, 8), 0.1, "float32")):
        np.testing.assert_allclose(scores(made, images), scores(layer, images), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    [
        ("Wide", SPEC, "features.0.weight [8, 1, 3, 3] instead of [16, 1, 3, 3]"),
        ("Nothing", SPEC, "its classes are: Branches, DigitsNet, Raises, Wide"),
        ("Raises", SPEC, "ValueError: bad luck"),
        ("DigitsNet", "image=float32[batch,3,8,8]", "input_channels:3"),
    ],
    ids=["weights", "class", "forward", "spec"],
)
def test_what_is_wrong_with_a_paddle_source_is_named(name, spec, said, paddle_digits, tmp_path):
    with pytest.raises(ModelError) as caught:
        convert(source(paddle_digits, tmp_path / "source", name, spec), "paddle-json", tmp_path / "out")
    assert said in caught.value.message
    assert [each.name for each in tmp_path.iterdir()] == ["source"]


def test_a_torch_checkpoint_becomes_onnx(torch_digits, held_out, tmp_path):
    images, labels = held_out
    module = source(torch_digits, tmp_path / "source")
    onnx = gone(module, "onnx", tmp_path / "onnx", images)
    assert onnx.inputs[0].shape == ("batch", 1, 8, 8)
    assert onnx.metadata["seatrial.source"] == module.digest
    assert accuracy(onnx, images, labels) == accuracy(module, images, labels) > 0.85
    assert b"digits_net.py" not in onnx.graph.read_bytes()


@pytest.mark.parametrize("target", ["torchscript", "torch-exported"])
def test_a_torch_checkpoint_becomes_an_archive_and_that_onnx(target, torch_digits, held_out, tmp_path):
    images, labels = held_out
    archive = gone(source(torch_digits, tmp_path / "source"), target, tmp_path / "archive", images)
    assert archive.inputs[0].shape == ("batch", 1, 8, 8)
    assert archive.parameters
    with zipfile.ZipFile(archive.graph) as entries:
        content = [entries.read(each) for each in entries.namelist()]
    assert not any(b"seatrial-source-" in each or b"site-packages" in each for each in content)
    onnx = gone(archive, "onnx", tmp_path / "onnx", images)
    assert accuracy(onnx, images, labels) == accuracy(archive, images, labels) > 0.85


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("Branches", "onnx", "data-dependent"),
        ("Branches", "torchscript", "a trace would freeze what depends on data"),
    ],
)
def test_what_is_wrong_with_a_torch_source_is_named(name, target, said, torch_digits, tmp_path):
    with pytest.raises(ModelError) as caught:
        convert(source(torch_digits, tmp_path / "source", name), target, tmp_path / "out")
    assert said in caught.value.message
    assert not (tmp_path / "out").exists()


def test_a_torch_archive_without_specs_asks_for_them(torch_digits, held_out, tmp_path):
    archive = gone(
        source(torch_digits, tmp_path / "source"), "torchscript", tmp_path / "archive", held_out[0]
    )
    (tmp_path / "again").mkdir()
    named = open_model(source_of(SourceRequest(str(archive.graph), [SPEC]), tmp_path / "again"))
    assert named.format == "torch-module"
    np.testing.assert_array_equal(scores(named, held_out[0][:4]), scores(archive, held_out[0][:4]))


def test_a_keras_model_becomes_a_savedmodel_and_both_onnx(keras_digits, held_out, tmp_path):
    images, labels = held_out[0].transpose(0, 2, 3, 1), held_out[1]
    model = open_model(keras_digits / "digits.keras")
    saved = gone(model, "savedmodel", tmp_path / "saved", images)
    assert [each.role for each in saved.files].count("parameters") == 1
    assert len(saved.parameters) >= 8
    wanted = accuracy(model, images, labels)
    assert wanted > 0.85
    for place, each in enumerate((model, saved)):
        onnx = gone(each, "onnx", tmp_path / f"onnx-{place}", images)
        assert onnx.inputs[0].shape == ("batch", 8, 8, 1)
        assert not [parameter.name for parameter in onnx.parameters if "__" in parameter.name]
        assert accuracy(onnx, images, labels) == wanted


def test_onnx_becomes_litert_and_a_savedmodel(digits, held_out, tmp_path):
    needed("tensorflow")
    images, labels = held_out
    onnx = gone(open_model(digits / "model"), "onnx", tmp_path / "onnx", images)
    for target in ("litert", "savedmodel"):
        made = gone(onnx, target, tmp_path / target, images)
        assert made.inputs[0].shape == ("batch", 1, 8, 8)
        assert accuracy(made, images, labels) == accuracy(onnx, images, labels)


def two_outputs(path):
    """Rows of numbers first, then pictures: onnx2tf gives them in another order, channels last."""
    import onnx
    from onnx import helper, numpy_helper

    kernel = np.random.default_rng(5).normal(size=(4, 3, 3, 3)).astype("float32")
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["picture"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["picture"], ["means"]),
        helper.make_node("Flatten", ["means"], ["row"]),
    ]
    kinds = {"image": ["batch", 3, 8, 8], "row": ["batch", 4], "picture": ["batch", 4, 8, 8]}
    told = {name: helper.make_tensor_value_info(name, 1, shape) for name, shape in kinds.items()}
    weights = [numpy_helper.from_array(kernel, "kernel")]
    graph = helper.make_graph(nodes, "two", [told["image"]], [told["row"], told["picture"]], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return open_model(path)


def test_outputs_keep_their_order_and_layout_in_litert(tmp_path):
    needed("tensorflow")
    made = convert(two_outputs(tmp_path / "two.onnx"), "litert", tmp_path / "out").artifact
    assert [each.shape for each in made.outputs] == [("batch", 4), ("batch", 4, 8, 8)]


@pytest.mark.parametrize("part", [0.001, 0.3, 0.9])
def test_a_cut_keras_model_is_a_problem(part, keras_digits, tmp_path):
    whole = (keras_digits / "digits.keras").read_bytes()
    (tmp_path / "digits.keras").write_bytes(whole[: int(len(whole) * part)])
    assert open_model(tmp_path / "digits.keras").problems
