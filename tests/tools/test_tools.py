"""Tools beside Seatrial: each says what it is, where it is looked for and how it is got."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seatrial.errors import MissingDependency, NotFound
from seatrial.tools import all_tools, environment, find, require, side_folder

NAMES = sorted(all_tools())


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_that_is_not_there_is_got_with_its_recipe(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path))
    tool = all_tools()[name]
    if tool.variable:
        monkeypatch.delenv(tool.variable, raising=False)
    assert all((tool.summary, tool.size, tool.license, tool.recipe.strip()))
    if find(name) is not None:
        assert name in {"avx2", "chromium"}  # what systems bring
        return
    with pytest.raises(MissingDependency) as caught:
        require(name)
    assert name in caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_sound_shell(name):
    done = subprocess.run(["sh", "-n"], input=all_tools()[name].recipe.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr


def test_an_unknown_tool_is_told_with_those_there_are():
    with pytest.raises(NotFound) as caught:
        find("sextant")
    assert "paddle2onnx-legacy" in caught.value.hint


def test_the_doctor_tells_what_is_there_and_what_is_not(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from seatrial.cli.doctor import command

    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path))
    told = CliRunner().invoke(command)
    assert told.exit_code == 0
    assert "no   paddle2onnx-legacy  " in told.output
    assert "seatrial doctor paddle2onnx-legacy | sh -eu" in told.output
    recipe = CliRunner().invoke(command, ["paddle2onnx-legacy"])
    assert recipe.output.startswith("# paddle2onnx-legacy: ")
    assert f"SIDE={tmp_path}" in recipe.output


def test_the_side_folder_is_under_the_home_folder_unless_named(monkeypatch):
    monkeypatch.delenv("SEATRIAL_SIDE", raising=False)
    assert side_folder().parts[-3:] == (".local", "share", "seatrial")


def test_a_process_with_an_environment_of_its_own_finds_the_same_tools(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path / "side" / ".." / "beside"))
    monkeypatch.setenv("SEATRIAL_TORCH_PYTHON", "python3.99")
    told = environment()
    assert told["SEATRIAL_SIDE"] == str(tmp_path / "beside")
    assert told["SEATRIAL_TORCH_PYTHON"] == "python3.99"
    monkeypatch.delenv("SEATRIAL_SIDE")
    assert environment()["SEATRIAL_SIDE"] == str(side_folder())


def test_looking_for_tools_loads_nothing_heavy():
    code = "import sys, seatrial.tools as t; t.all_tools(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
