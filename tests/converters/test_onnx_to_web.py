"""Models for web pages: within a budget, of fixed shapes when asked, and believed when a browser agrees."""

from __future__ import annotations

import base64
import json
import shutil
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from seatrial import tools
from seatrial.converters import _web_model, convert
from seatrial.converters._answering import Refused
from seatrial.converters.onnx_to_web import make
from seatrial.errors import ModelError, SeatrialError, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.runtimes._chromium import Chromium
from seatrial.runtimes._loopback import ISOLATION, Loopback
from support.browsers import WEB, save_onnx

RNG = np.random.default_rng(3)


def network(folder, *, wide=4, kind=TensorProto.FLOAT, spread=False):
    weights = {"w": RNG.normal(size=(wide, 1, 3, 3)).astype("float32")}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    path = save_onnx(
        folder / "m.onnx",
        nodes if kind == TensorProto.FLOAT else [helper.make_node("Identity", ["x"], ["y"])],
        [("x", kind, ["batch", 1, None, None])],
        [("y", kind, ["batch", wide] if kind == TensorProto.FLOAT else ["batch", 1, None, None])],
        weights,
    )
    if spread:
        model = onnx.load(str(path))
        onnx.save(model, str(path), save_as_external_data=True, location="m.weights", size_threshold=0)
    return open_model(path)


def made(artifact, folder, **options):
    folder.mkdir()
    return open_model(make(artifact, folder, options=options, progress=lambda _: None))


def test_the_folder_has_one_file_of_weights_and_a_page(tmp_path):
    result = made(network(tmp_path, spread=True), tmp_path / "out")
    assert not result.problems
    assert {each.path.name for each in result.files} == {"web.json", "m.onnx", "index.html", "model.mjs"}
    told = json.loads((tmp_path / "out" / "web.json").read_text())
    assert (told["rows"], told["providers"]) == (0, ["wasm"])
    # The same to the byte each time.
    assert made(open_model(tmp_path / "m.onnx"), tmp_path / "again", budget=0.0).digest == result.digest


def fixed(artifact, folder, *, batch=0, **shapes):
    """What the child does, in this process."""
    request = {"graph": str(artifact.graph), "target": str(folder / "fixed.onnx"), "metadata": {}}
    told = _web_model._work({**request, "batch": batch, "shapes": shapes})
    return open_model(folder / "fixed.onnx"), told["free"]


def test_free_dimensions_get_their_sizes(tmp_path):
    inside, free = fixed(network(tmp_path), tmp_path, batch=1, x=[1, 1, 8, 6])
    assert inside.inputs[0].shape == (1, 1, 8, 6)
    assert inside.outputs[0].shape == (1, 4)
    assert free == []
    inside, free = fixed(network(tmp_path), tmp_path, batch=1)
    assert inside.inputs[0].shape[:2] == (1, 1)
    assert free == ["x"]


def test_a_name_that_stands_for_several_sizes_is_no_name(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    spec = [TensorProto.FLOAT, ["?", 3, "?", "?"]]
    model = open_model(save_onnx(tmp_path / "q.onnx", nodes, [("x", *spec)], [("y", *spec)]))
    inside, _ = fixed(model, tmp_path, x=[1, 3, 48, 192])
    assert inside.inputs[0].shape == inside.outputs[0].shape == (1, 3, 48, 192)
    inside, _ = fixed(model, tmp_path, batch=1)
    assert inside.inputs[0].shape[:2] == (1, 3)
    assert not any(isinstance(each, int) for each in inside.inputs[0].shape[2:])


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"z": [1, 1, 8, 8]}, "no input 'z'"),
        ({"x": [8, 8]}, "has 4 dimensions"),
        ({"x": [1, 3, 8, 8]}, "is 1 and cannot become 3"),
    ],
    ids=["name", "rank", "size"],
)
def test_shapes_that_do_not_fit_are_refused(tmp_path, shapes, words):
    with pytest.raises(Refused, match=words):
        fixed(network(tmp_path), tmp_path, **shapes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 2}, "batch is 0"),
        ({"budget": -1.0}, "megabytes"),
        ({"providers": ("cuda",)}, "no provider cuda"),
        ({"shapes": "x"}, "'x' is no shape"),
        ({"shapes": "x:1x0x2x2"}, "is no shape"),
        ({"shapes": "x:2x1x8x8"}, "one row at a time"),
        ({"providers": ("webgl",), "batch": 1}, "WebGL takes fixed shapes only, and x"),
    ],
    ids=["batch", "budget", "provider", "no-shape", "zero", "rows", "webgl"],
)
def test_options_that_do_not_go_are_named(tmp_path, options, words):
    with pytest.raises(SeatrialError, match=words):
        made(network(tmp_path), tmp_path / "out", **options)


def test_what_is_too_large_for_a_page_is_refused_with_what_would_fit(tmp_path):
    large = network(tmp_path, wide=60_000)
    with pytest.raises(
        ModelError, match=r"2\.2 MB, over the 1 MB.*1\.1 MB in float16, 0\.5 MB in int8"
    ) as told:
        made(large, tmp_path / "out", budget=1.0)
    assert "budget=0" in told.value.hint


def test_text_does_not_go_into_a_page(tmp_path):
    with pytest.raises(UnsupportedModel, match="no arrays of string"):
        made(network(tmp_path, kind=TensorProto.STRING), tmp_path / "out")


@WEB
@pytest.mark.slow
def test_the_digits_run_in_a_page_on_wasm_and_webgl(digits, tmp_path):
    with np.load(digits / "held_out.npz") as held_out:
        images = held_out["image"]
    onnx_model = convert(open_model(digits / "model"), "onnx", tmp_path / "onnx").artifact
    name = onnx_model.inputs[0].name
    result = convert(
        onnx_model,
        "web",
        tmp_path / "web",
        samples=[{name: image[None]} for image in images[:12]],
        options={"batch": 1, "providers": ("wasm", "webgl")},
    )
    assert max(each.error for each in result.comparisons) < 1e-5
    assert result.artifact.metadata["providers"] == "wasm, webgl"
    _page_answers(tmp_path / "web", tmp_path)


def _page_answers(folder, scratch):
    """The page itself, as it is delivered: it loads the model, runs it, and shows what came."""
    (scratch / "browser").mkdir()
    browser = Chromium(tools.require("chromium").path, scratch / "browser", ("--disable-gpu",))
    try:
        library = tools.require("onnxruntime-web").path
        server = Loopback({"site": folder, "ort": library}, ISOLATION)
        browser.open(f"{server.address}site/index.html?ort=../ort/")
        ready = "document.getElementById('provider')?.options.length === 2"
        said = "document.getElementById('said').textContent"
        _until(lambda: browser.evaluate(ready))
        browser.evaluate("document.getElementById('go').click()")
        _until(lambda: browser.evaluate(said) not in ("", "Loading."))
        assert browser.evaluate(said).startswith("Answered in ")
        rows = browser.evaluate("document.getElementById('answer').innerText")
        assert rows.split()[1:4] == ["1", "×", "10"]
        assert base64.b64decode(browser.picture()).startswith(b"\x89PNG")
        # Several rows through a model that takes one.
        count = browser.evaluate(
            "import(new URL('model.mjs', document.baseURI)).then(async ({ open, zeros }) => {"
            " const model = await open({ library: '../ort/' });"
            " const name = model.about.inputs[0].name;"
            " const outputs = await model.run({ [name]: zeros('float32', [3, 1, 8, 8]) });"
            " return Object.values(outputs)[0].dims.join(); })"
        )
        assert count == "3,10"
    finally:
        browser.close()


def _until(done, seconds=60.0):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "the page did not answer"
        time.sleep(0.1)


@WEB
@pytest.mark.slow
def test_a_page_whose_model_was_exchanged_is_defective(tmp_path):
    result = convert(network(tmp_path), "web", tmp_path / "web", options={"shapes": "x:1x1x8x8"})
    assert [each.case for each in result.comparisons] == ["1 made-up sample", "a batch of 3"]
    assert any("takes x" in each for each in result.notes)
    shutil.copy(tmp_path / "m.onnx", result.artifact.weights)
    assert {each.code for each in open_model(tmp_path / "web").problems} >= {"weights-other"}
    with pytest.raises(UsageError, match="there already"):
        convert(network(tmp_path), "web", tmp_path / "web")
