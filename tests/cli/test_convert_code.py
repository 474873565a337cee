"""`seatrial convert` with a class and its checkpoint, and with archives that do not tell their inputs."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial import tools
from seatrial.cli.main import main
from support import sources

W1, W2 = np.linspace(-1, 1, 32, dtype="float32").reshape(4, 8), np.ones((8, 3), "float32")
INPUT = ["--input", "x=float32[batch,4]"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["net.onnx", "--weights", "net.pt"], "for a model given as FILE.py:CLASS"),
        (["affine_net.py:Affine"], "the inputs of a class are not in its file"),
        (["affine_net.py:Affine", "--input", "x=float33[1]"], "float33"),
        (["affine_net.py:Affine", *INPUT, "--argument", "hidden"], "'hidden' is no argument"),
        (["affine_net.py:Affine", *INPUT, "--weights", "none.pt"], "no weights at none.pt"),
        (["other.py:Affine", *INPUT], "no file other.py"),
        (["net.onnx", *INPUT], "no TorchScript archive"),
    ],
    ids=["no code", "no input", "dtype", "argument", "weights", "file", "archive"],
)
def test_what_is_missing_is_said(arguments, said, tmp_path, monkeypatch, capsys):
    sources.affine("torch", tmp_path, W1, W2)
    monkeypatch.chdir(tmp_path)
    assert main(["convert", *arguments, "--to", "onnx", "-o", "out"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "what to do" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_class_and_then_its_archive_are_converted(tmp_path, monkeypatch, capsys):
    if tools.find("torch") is None:
        pytest.skip(f"'torch' is not on this machine: {tools.how_to_get('torch')}")
    sources.affine("torch", tmp_path, W1, W2)
    monkeypatch.chdir(tmp_path)
    named = ["affine_net.py:Affine", "--weights", "affine.safetensors", "--argument", "hidden=8", *INPUT]
    assert main(["convert", *named, "--to", "torchscript", "-o", "archive"]) == 0, capsys.readouterr().err
    archive = next((tmp_path / "archive").iterdir())
    assert main(["convert", str(archive), *INPUT, "--to", "onnx", "-o", "out"]) == 0, capsys.readouterr().err
    assert "torch-module -> onnx" in capsys.readouterr().err
    assert [each.suffix for each in (tmp_path / "out").iterdir()] == [".onnx"]


@pytest.mark.slow
def test_a_class_of_paddle_is_converted_over_its_static_graph(tmp_path, monkeypatch, capsys):
    sources.affine("paddle", tmp_path, W1, W2)
    monkeypatch.chdir(tmp_path)
    named = ["affine_net.py:Affine", "--weights", "affine.pdparams", *INPUT]
    assert main(["convert", *named, "--to", "onnx", "-o", "out"]) == 0
    assert "paddle-layer -> paddle-json -> onnx" in capsys.readouterr().err
