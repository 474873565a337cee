"""The child process of a converter: whatever a tool does to it, the caller gets a sentence."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from seatrial.contract import TensorSpec
from seatrial.converters import _child
from seatrial.converters.paddle_to_onnx import CONVERTER, make
from seatrial.errors import EngineFailure, ModelError, UsageError
from support.artifacts import by_hand

TOOL = """
import json, os, signal, sys, time
request = json.load(open(sys.argv[1]))
mood = request["mood"]
if mood == "abort": os.abort()
if mood == "exit": print("[ERROR] I give up"); sys.exit(-1)
if mood == "hang": time.sleep(60)
if mood == "environment": answer = dict(os.environ)
elif mood == "error": answer = {"error": "RuntimeError: no such operator"}
else: answer = {"done": True}
json.dump(answer, open(sys.argv[2], "w"))
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    (tmp_path / "strange_tool.py").write_text(TOOL, "utf-8")
    environment = _child._environment

    def with_tool(folder, **how):
        given = environment(folder, **how)
        return {**given, "PYTHONPATH": f"{given['PYTHONPATH']}:{tmp_path}"}

    monkeypatch.setattr(_child, "_environment", with_tool)

    def run(mood, timeout=20.0):
        return _child.run("strange_tool", {"mood": mood}, tool="strange 1.0", timeout=timeout)

    return run


def test_a_good_answer_comes_back(tool):
    assert tool("good") == {"done": True}


@pytest.mark.parametrize(
    ("mood", "kind", "words"),
    [("abort", "signal", "killed by SIGABRT"), ("exit", "exception", "exit code 255 .* I give up")],
)
def test_a_tool_that_ends_its_process(tool, mood, kind, words):
    with pytest.raises(EngineFailure, match=words) as caught:
        tool(mood)
    assert caught.value.kind == kind


def test_a_tool_that_hangs(tool):
    begin = time.monotonic()
    with pytest.raises(EngineFailure, match=r"within 0\.5 s"):
        tool("hang", timeout=0.5)
    assert time.monotonic() - begin < 10


def test_a_tool_that_says_why(tool):
    with pytest.raises(ModelError, match="no such operator"):
        tool("error")


def test_no_tool_may_install_anything(tool, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    environment = tool("environment")
    assert environment["POLYGRAPHY_AUTOINSTALL_DEPS"] == "0"
    assert environment["PIP_NO_INDEX"] == "1"
    assert "SECRET_TOKEN" not in environment


def model(format_name, weights=True):
    graph = Path("inference.json")
    return by_hand(
        graph,
        format_name,
        [TensorSpec("x", "float32", (None, 4))],
        weights=graph.with_suffix(".pdiparams") if weights else None,
    )


@pytest.mark.parametrize(
    ("format_name", "opset", "allowed"),
    [("paddle-json", 22, "11 to 21"), ("paddle-json", 7, "11 to 21"), ("paddle-pdmodel", 17, "11 to 16")],
)
def test_an_opset_that_would_abort_is_refused_beforehand(tmp_path, format_name, opset, allowed):
    with pytest.raises(UsageError, match=allowed):
        make(model(format_name), tmp_path, options={"opset": opset}, progress=lambda _: None)


def test_the_tool_for_old_graphs_is_named_with_what_gets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path / "side"))
    with pytest.raises(UsageError, match="paddle2onnx-legacy") as caught:
        make(model("paddle-pdmodel"), tmp_path, options={}, progress=lambda _: None)
    assert "seatrial doctor paddle2onnx-legacy" in caught.value.hint


def test_the_converter_describes_itself():
    assert CONVERTER.name == "paddle_to_onnx"
    assert CONVERTER.target == "onnx"
    assert set(CONVERTER.sources) == {"paddle-json", "paddle-pdmodel"}
    assert CONVERTER.summary
    assert CONVERTER.available()
    assert sys.modules.get("paddle2onnx") is None  # to be available it need not be imported
