"""Models in headless Chromium: numbers of every kind, errors in the page's words, and nothing left behind."""

from __future__ import annotations

import http.client
import itertools
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import TensorProto, helper

from seatrial import tools
from seatrial.converters import convert
from seatrial.errors import EngineFailure, UsageError
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, _launch, available_runtimes, open_session
from seatrial.runtimes._loopback import ISOLATION, Loopback
from seatrial.runtimes.browser import RUNTIME
from support.browsers import WEB, save_onnx

RNG = np.random.default_rng(11)


def fetched(address: str, data: bytes | None = None):
    host, _, path = address.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET" if data is None else "POST", f"/{path}", data)
    answer = connection.getresponse()
    told = answer.status, answer.read(), dict(answer.headers)
    connection.close()
    return told


@pytest.fixture
def loopback(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.mjs").write_text("1")
    (tmp_path / "site" / "a.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret").write_text("no")
    (tmp_path / "site" / "link").symlink_to(tmp_path / "secret")
    return Loopback({"site": tmp_path / "site"}, ISOLATION)


def test_the_server_gives_what_a_page_needs_and_nothing_else(loopback):
    status, data, headers = fetched(loopback.address + "site/a.mjs?x=1")
    assert (status, data) == (200, b"1")
    assert headers["Content-Type"] == "text/javascript"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Cache-Control"] == "no-store"
    assert fetched(loopback.address + "site/a.wasm")[2]["Content-Type"] == "application/wasm"
    for bad in ("site/../secret", "site/%2e%2e/secret", "site/link", "secret", "site/", "other/a.mjs"):
        assert fetched(loopback.address + bad)[0] == 404


def test_without_the_secret_path_there_is_nothing(loopback):
    root = loopback.address.rsplit("/", 2)[0]
    for bad in ("/site/a.mjs", "/x/site/a.mjs", "/"):
        assert fetched(root + bad)[0] == 404
        assert fetched(root + bad, b"data")[0] == 404
    assert not loopback.taken
    loopback.offered["feed/0"] = b"\1\2"
    assert fetched(loopback.address + "feed/0")[1] == b"\1\2"
    assert fetched(loopback.address + "taken/0", b"\3")[0] == 204
    assert loopback.taken == {"taken/0": b"\3"}


def test_no_check_and_no_server_starts_a_browser_unasked(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    spec = ("x", TensorProto.FLOAT, ["batch", 2]), ("y", TensorProto.FLOAT, ["batch", 2])
    model = open_model(save_onnx(tmp_path / "m.onnx", nodes, [spec[0]], [spec[1]]))
    assert "browser" not in available_runtimes(model)


@pytest.fixture
def many(tmp_path):
    """int64, float32 and bool in; int64, float32 and bool out."""
    nodes = [
        helper.make_node("Add", ["ids", "ids"], ["twice"]),
        helper.make_node("Where", ["mask", "x", "zero"], ["kept"]),
        helper.make_node("Not", ["mask"], ["not"]),
    ]
    inputs = [
        ("ids", TensorProto.INT64, ["batch", 3]),
        ("x", TensorProto.FLOAT, ["batch", 2]),
        ("mask", TensorProto.BOOL, ["batch", 2]),
    ]
    outputs = [
        ("twice", TensorProto.INT64, ["batch", 3]),
        ("kept", TensorProto.FLOAT, ["batch", 2]),
        ("not", TensorProto.BOOL, ["batch", 2]),
    ]
    zero = {"zero": np.zeros(1, "float32")}
    return open_model(save_onnx(tmp_path / "many.onnx", nodes, inputs, outputs, zero))


@WEB
@pytest.mark.slow
def test_numbers_of_every_kind_cross_as_they_are_and_an_error_is_the_pages(many):
    feeds = {
        "ids": np.array([[1, -(2**40), 2**53 + 1]] * 2),
        "x": RNG.normal(size=(2, 2)).astype("float32"),
        "mask": np.array([[True, False]] * 2),
    }
    with open_session(many, "browser", SessionOptions(threads=2), unverified=True) as session:
        for _ in range(2):
            twice, kept, inverted = session.run(feeds)
            np.testing.assert_array_equal(twice, feeds["ids"] * 2)
            np.testing.assert_array_equal(kept, np.where(feeds["mask"], feeds["x"], 0))
            np.testing.assert_array_equal(inverted, ~feeds["mask"])
        assert [each.dtype.name for each in (twice, kept, inverted)] == ["int64", "float32", "bool"]
        with pytest.raises(EngineFailure, match="Got invalid dimensions for input: x") as caught:
            session.run({**feeds, "x": np.ones((2, 5), "float32")})
        assert caught.value.kind == "exception"
        assert len(session.run(feeds)) == 3
        assert [each.operator for each in session.trace(feeds)] == ["Add", "Where", "Not"]
        told = session.exercise
        assert told.threads == 2
        assert "onnxruntime-web 1." in told.runtime
        assert "Chrom" in told.runtime
        everything = psutil.Process(session.pid).children(recursive=True)
    assert everything
    assert not psutil.wait_procs(everything, timeout=20)[1]


@WEB
@pytest.mark.slow
def test_a_page_without_the_headers_has_one_thread_and_says_so(many):
    options = SessionOptions(threads=2, engine={"isolated": False})
    with open_session(many, "browser", options) as session:
        told = session.exercise
    assert told.threads == 1
    assert any("COOP and COEP" in each for each in told.notes)


@WEB
@pytest.mark.slow
def test_a_model_that_does_not_load_is_refused_in_the_pages_words(tmp_path):
    spec = ("x", TensorProto.FLOAT, [1, 2]), ("y", TensorProto.FLOAT, [1, 2])
    path = save_onnx(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [spec[0]], [spec[1]])
    path.write_bytes(path.read_bytes().replace(b"Relu", b"Warp"))
    with pytest.raises(EngineFailure, match=r"refused m.onnx while loading it.*Warp") as caught:
        open_session(open_model(path), "browser", unverified=True)
    assert caught.value.kind == "exception"


@WEB
@pytest.mark.slow
def test_a_browser_that_does_not_start_leaves_its_last_words(tmp_path, monkeypatch):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho 'libnss3.so is not there' >&2\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setenv("SEATRIAL_CHROMIUM", str(program))
    _launch.end_all()  # what starts the workers knows its tools from its own start
    try:
        with pytest.raises(EngineFailure, match=r"exit code 127 .*libnss3.so is not there"):
            open_session(convolution(tmp_path, 1), "browser")
    finally:
        _launch.end_all()


@WEB
@pytest.mark.slow
def test_the_engines_own_format_runs_in_a_page_too(tmp_path):
    model = convert(convolution(tmp_path, 1), "ort", tmp_path / "ort").artifact
    feeds = {"x": RNG.random((1, 1, 8, 8), "float32")}
    with open_session(model, "onnxruntime") as session:
        (here,) = session.run(feeds)
    with open_session(model, "browser") as session:
        np.testing.assert_allclose(session.run(feeds)[0], here, atol=1e-6)
        with pytest.raises(UsageError, match="traced with ONNX models"):
            session.trace(feeds)


def convolution(folder: Path, batch):
    weights = {"w": RNG.normal(size=(2, 1, 3, 3)).astype("float32")}
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    inputs = [("x", TensorProto.FLOAT, [batch, 1, 8, 8])]
    outputs = [("y", TensorProto.FLOAT, [batch, 2, 6, 6])]
    return open_model(save_onnx(folder / "conv.onnx", nodes, inputs, outputs, weights))


@WEB
@pytest.mark.slow
def test_webgl_takes_fixed_shapes_and_says_what_to_do_about_free_ones(tmp_path):
    webgl = SessionOptions(engine={"provider": "webgl"}, timeout=120)
    with (
        open_session(convolution(tmp_path, "batch"), "browser", webgl) as session,
        pytest.raises(EngineFailure, match=r"expected shape.*--option batch=1"),
    ):
        session.run({"x": np.ones((2, 1, 8, 8), "float32")})


def test_a_browser_is_taken_where_it_is_named(tmp_path, monkeypatch):
    program = tmp_path / "my-browser"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("SEATRIAL_CHROMIUM", str(program))
    assert tools.find("chromium").path == program
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SEATRIAL_CHROMIUM", str(tmp_path / "no-browser"))
    assert tools.find("chromium") is None
    assert RUNTIME.how_to_get().endswith("seatrial doctor chromium | sh -eu")


def test_what_does_not_go_is_said_before_a_browser_starts(tmp_path):
    if "browser" not in available_runtimes(convolution(tmp_path, 1), asked="browser"):
        pytest.skip("chromium or onnxruntime-web is not here: seatrial doctor")
    with pytest.raises(UsageError, match="wasm or webgl or webgpu, not on 'cuda'"):
        open_session(convolution(tmp_path, 1), "browser", SessionOptions(engine={"provider": "cuda"})).close()


def long(folder: Path):
    """Some seconds of multiplications."""
    names = ["x", *(f"v{place}" for place in range(300)), "y"]
    nodes = [helper.make_node("MatMul", [one, "w"], [other]) for one, other in itertools.pairwise(names)]
    weights = {"w": (np.eye(512) * 0.99).astype("float32")}
    shape = ["batch", 512]
    return open_model(
        save_onnx(
            folder / "long.onnx",
            nodes,
            [("x", TensorProto.FLOAT, shape)],
            [("y", TensorProto.FLOAT, shape)],
            weights,
        )
    )


def chromium(session, kind: str) -> list[psutil.Process]:
    """The processes of a session's browser: `main`, `renderer`..."""
    found = []
    for each in psutil.Process(session.pid).children(recursive=True):
        words = each.cmdline()
        types = [word.partition("=")[2] for word in words if word.startswith("--type=")]
        if (types or ["main"])[0] == kind:
            found.append(each)
    return found


@WEB
@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"), [("main", "was killed by SIGKILL"), ("renderer", "the page crashed")]
)
def test_a_browser_that_is_killed_while_it_computes_is_the_end_of_its_session_only(tmp_path, kind, words):
    with open_session(long(tmp_path), "browser", SessionOptions(timeout=120)) as session:
        everything = psutil.Process(session.pid).children(recursive=True)
        session.begin({"x": np.ones((512, 512), "float32")})
        time.sleep(0.3)
        for each in chromium(session, kind):
            each.kill()
        with pytest.raises(EngineFailure, match=words) as caught:
            session.finish()
        assert caught.value.kind == "signal"
        with pytest.raises(EngineFailure, match="gone"):
            session.run({"x": np.ones((1, 512), "float32")})
    _, alive = psutil.wait_procs(everything, timeout=20)
    assert everything
    assert not alive, [each.cmdline()[:2] for each in alive]


@WEB
@pytest.mark.slow
def test_int8_of_reduced_range_is_equal_to_the_bit_on_this_processor_and_in_the_browser(tmp_path):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    weights = {
        "w": RNG.normal(size=(8, 1, 3, 3)).astype("float32"),
        "m": RNG.normal(size=(8 * 36, 10)).astype("float32"),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    plain = save_onnx(
        tmp_path / "plain.onnx",
        nodes,
        [("x", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [("y", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = [{"x": RNG.random((4, 1, 8, 8), "float32")} for _ in range(4)]

        def get_next(self):
            return self.left.pop() if self.left else None

    quantize_static(
        str(plain),
        str(tmp_path / "int8.onnx"),
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )
    model = open_model(tmp_path / "int8.onnx")
    feeds = {"x": RNG.random((16, 1, 8, 8), "float32")}
    with open_session(model, "onnxruntime") as session:
        (here,) = session.run(feeds)
    with open_session(model, "browser") as session:
        (there,) = session.run(feeds)
        assert session.exercise.precision == "int8"
    assert len(np.unique(here)) > 20
    np.testing.assert_array_equal(there, here)
