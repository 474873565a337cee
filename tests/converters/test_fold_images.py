"""Images decoded in the graph: the same pixels as Pillow's, and guards where the decoder has none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image, ImageFilter

from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec, load_contract
from seatrial.converters import fold
from seatrial.errors import EngineFailure, ModelError
from seatrial.model import open_model
from seatrial.runtimes import Session, open_session
from support.folding import folded, in_python

pytestmark = pytest.mark.slow
pytest.importorskip(
    "onnxruntime_extensions", reason="needs onnxruntime-extensions: pip install 'seatrial[fold]'"
)

RNG = np.random.default_rng(3)
SOFT = Image.fromarray(RNG.integers(0, 256, (61, 90, 3), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(2))


def encoded(picture: Image.Image, kind: str = "PNG", *, held: int = 0, **options: Any) -> bytes:
    if held:
        exif = Image.Exif()
        exif[0x0112] = held
        options["exif"] = exif
    with io.BytesIO() as stream:
        picture.save(stream, kind, **options)
        return stream.getvalue()


FILES = {
    "png": encoded(SOFT),
    "png-gray": encoded(SOFT.convert("L")),
    "png-palette": encoded(SOFT.convert("P")),
    "png-alpha": encoded(Image.merge("RGBA", [*SOFT.split(), SOFT.convert("L")])),
    "jpeg-full-color": encoded(SOFT, "JPEG", subsampling=0, quality=95),
    "jpeg-gray": encoded(SOFT.convert("L"), "JPEG"),
    **{f"png-held-{held}": encoded(SOFT, held=held) for held in range(1, 9)},
    **{f"jpeg-held-{held}": encoded(SOFT, "JPEG", subsampling=0, held=held) for held in range(1, 9)},
}


@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAY"])
def test_the_pixels_are_those_of_pillow(color: str) -> None:
    calls = [("decode_image", {"color": color})]
    steps = folded(calls, ("uint8", (None,)))
    for name, data in FILES.items():
        got = steps(np.frombuffer(data, np.uint8))
        np.testing.assert_array_equal(got, in_python(calls, data), err_msg=name)


@pytest.mark.parametrize("progressive", [False, True])
def test_subsampled_colors_are_near(progressive: bool) -> None:
    data = encoded(SOFT, "JPEG", quality=90, progressive=progressive)
    calls: list[Any] = [("decode_image", {})]
    got = folded(calls, ("uint8", (None,)))(np.frombuffer(data, np.uint8))
    apart = np.abs(got.astype(int) - in_python(calls, data))
    assert apart.max() <= 64
    assert apart.mean() < 1.5


def test_a_picture_may_stay_as_it_was_held() -> None:
    calls = [("decode_image", {"exif": False})]
    data = FILES["jpeg-held-6"]
    np.testing.assert_array_equal(
        folded(calls, ("uint8", (None,)))(np.frombuffer(data, np.uint8)), in_python(calls, data)
    )


# What the decoder alone would hang on (cut JPEGs), or end the process for (other headers).
JPEG, PNG = FILES["jpeg-full-color"], FILES["png"]
TABLE, SCAN = JPEG.index(b"\xff\xc4"), JPEG.index(b"\xff\xda")
BAD = {
    "a table of too many codes": (
        JPEG[: TABLE + 5] + b"\xff" * 16 + JPEG[TABLE + 21 :],
        "damaged or of a kind",
    ),
    "a table of no class": (JPEG[: TABLE + 4] + b"\x20" + JPEG[TABLE + 5 :], "damaged or of a kind"),
    "a mark in the scan": (JPEG[: SCAN + 90] + b"\xff\x5a" + JPEG[SCAN + 92 :], "damaged or of a kind"),
    "cut": (JPEG[: len(JPEG) // 2], "damaged or of a kind"),
    "without its end": (JPEG[:-2], "damaged or of a kind"),
    "a length beyond the file": (JPEG[:4] + b"\xff\xff" + JPEG[6:], "damaged or of a kind"),
    "12 bits": (JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "damaged or of a kind"),
    "four channels": (encoded(SOFT.convert("CMYK"), "JPEG"), "damaged or of a kind"),
    "a BMP": (encoded(SOFT, "BMP"), "no PNG or JPEG"),
    "a text": (b"this is a text and no picture", "no PNG or JPEG"),
    "a few bytes": (b"\xff\xd8\xff", "too few"),
    "a huge PNG": (PNG[:16] + b"\x00\x0f\xff\xff\x00\x0f\xff\xff" + PNG[24:], "more than 50000000 pixels"),
    "a cut PNG": (PNG[: len(PNG) // 2], "png"),
}


def network(folder: Path, channels: int = 3, classes: int = 6) -> Path:
    """Mean of each channel, then a dense layer: little, and every pixel counts."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = RNG.normal(0, 2, (channels, classes)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["dense"]),
        helper.make_node("Softmax", ["dense"], ["scores"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("image", 1, ["batch", channels, "height", "width"])]
    outputs = [helper.make_tensor_value_info("scores", 1, ["batch", classes])]
    made = helper.make_graph(nodes, "mean", inputs, outputs, [numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "mean.onnx"
    onnx.save(model, path)
    return path


def clas() -> Contract:
    """As PaddleClas prepares its images."""
    before = (
        ("decode_image", {}),
        ("resize_short", {"size": 40}),
        ("crop", {"size": [32, 32]}),
        ("normalize", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}),
        ("transpose", {"order": [2, 0, 1]}),
    )
    return Contract(
        "mean",
        "classification",
        (TensorSpec("image", "float32", ("batch", 3, "height", "width"), "NCHW"),),
        (TensorSpec("scores", "float32", ("batch", 6), "NC"),),
        preprocess=Pipeline(tuple(StepCall(*each) for each in before)),
        postprocess=Pipeline((StepCall("topk", {"k": 5}),)),
        labels=("ant", "bee", "cow", "doe", "eel", "fox"),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folded")
    made = fold(open_model(network(folder)), clas(), folder / "out", samples=[])
    assert made.compared == 6
    assert made.difference < 1e-6
    return folder / "out"


@pytest.fixture(scope="module")
def session(home: Path) -> Iterator[Session]:
    with open_session(open_model(home)) as opened:
        yield opened


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_an_error_of_the_engine_and_the_next_is_answered(
    name: str, session: Session, home: Path
) -> None:
    data, why = BAD[name]
    contract = load_contract(home / "contract.yaml")
    feeds, _ = contract.prepare(data)
    with pytest.raises(EngineFailure, match=why) as caught:
        session.run(feeds)
    assert caught.value.kind == "exception"
    good, context = contract.prepare(FILES["png"])
    assert contract.answer(session.run(good), 0, context)["class"] in clas().labels


def test_its_contract_says_what_is_left(home: Path) -> None:
    contract = load_contract(home / "contract.yaml")
    assert [call.name for call in contract.preprocess.calls] == ["file_bytes"]
    assert [call.name for call in contract.postprocess.calls] == ["pack"]
    assert contract.inputs[0].dtype == "uint8"
    assert contract.inputs[0].shape[0] == 1
    assert contract.task == "classification"
    assert contract.labels == clas().labels  # held-out labels are named by them
    assert open_model(home).metadata["seatrial.folded"] == "both, takes bytes"


def test_equal_inputs_give_equal_files(home: Path, tmp_path: Path) -> None:
    again = fold(open_model(home.parent / "mean.onnx"), clas(), tmp_path / "again", samples=[])
    assert again.artifact.digest == open_model(home).digest
    assert (tmp_path / "again/contract.yaml").read_bytes() == (home / "contract.yaml").read_bytes()


def test_jpegs_are_compared_by_their_pixels_and_told_apart(tmp_path: Path, home: Path) -> None:
    from seatrial.contract import Sample

    photo = encoded(SOFT, "JPEG", quality=85)
    made = fold(
        open_model(home.parent / "mean.onnx"), clas(), tmp_path / "out", samples=[Sample("photo.jpg", photo)]
    )
    assert made.compared == 1
    assert made.difference < 1e-6
    assert any(note.startswith("of 1 JPEGs as they are, ") for note in made.notes)


def test_pixels_need_nothing_but_the_engine(tmp_path: Path, home: Path) -> None:
    made = fold(open_model(home.parent / "mean.onnx"), clas(), tmp_path / "out", samples=[], given="pixels")
    assert "custom domains" not in made.artifact.metadata
    assert made.contract.inputs[0].shape == (1, "image_0", "image_1", 3)
    assert [call.name for call in made.contract.preprocess.calls] == ["decode_image"]


def test_a_folding_that_answers_otherwise_is_refused(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seatrial.converters import fold_pipeline

    honest = fold_pipeline.make

    def bent(artifact: Any, folder: Path, *, options: Any, progress: Any) -> Path:
        graph = honest(artifact, folder, options=options, progress=progress)
        model = onnx.load(graph)
        weights = next(each for each in model.graph.initializer if each.name == "weights")
        weights.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(weights), "weights"))
        onnx.save(model, graph)
        return graph

    monkeypatch.setattr(fold_pipeline, "make", bent)
    with pytest.raises(ModelError, match="not folded: made-up picture 64x48 is answered otherwise"):
        fold(open_model(home.parent / "mean.onnx"), clas(), tmp_path / "out", samples=[])
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.iterdir()) == []
