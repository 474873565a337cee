"""Emulated runtimes are started as they should be, and say what is missing; and the real ones answer."""

from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial import tools
from seatrial.errors import MissingDependency, UsageError
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, all_runtimes, open_session
from seatrial.runtimes._engine import Task
from seatrial.tools import _emulators, arm64, arm64_paddle, avx2
from support import networks

EMULATED = sorted(name for name, each in all_runtimes().items() if each.emulated)
TASK = Task(
    graph="model.onnx",
    weights="",
    format="onnx",
    inputs=("x",),
    parameters=(),
    native="float32",
    threads=2,
    precision="float32",
    optimize=True,
    engine={},
    scratch="",
)


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """A machine without any tool."""
    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path))
    monkeypatch.setattr(_emulators.shutil, "which", lambda _: None)
    return tmp_path


@pytest.fixture
def everything(nothing):
    """Empty files where the tools would be."""
    for each in ("qemu/qemu-aarch64-static", "qemu/qemu-x86_64-static", "arm64/sysroot/usr/bin/python3.11"):
        (nothing / each).parent.mkdir(parents=True, exist_ok=True)
        (nothing / each).touch()
    for each in ("arm64/site/onnxruntime", "arm64-paddle/paddle"):
        (nothing / each).mkdir(parents=True)
    return nothing


def test_there_are_three():
    assert EMULATED == ["arm64-onnxruntime", "arm64-paddle", "avx2-onnxruntime"]


@pytest.mark.parametrize("name", EMULATED)
def test_they_wait_to_be_named_and_have_a_twin(name):
    runtime = all_runtimes()[name]
    assert runtime.asked_only
    assert not runtime.bounded
    assert set(runtime.formats) <= set(all_runtimes()[runtime.twin].formats)


@pytest.mark.parametrize("name", EMULATED)
@pytest.mark.usefixtures("nothing")
def test_what_is_missing_is_said(name):
    runtime = all_runtimes()[name]
    assert not runtime.available()
    with pytest.raises(MissingDependency) as caught:
        runtime.engine().command(TASK)
    assert f"seatrial doctor {runtime.tool} | sh -eu" in caught.value.hint


@pytest.mark.parametrize("name", ["arm64-onnxruntime", "arm64-paddle"])
def test_arm64_is_started_through_the_emulator(name, everything):
    runtime = all_runtimes()[name]
    assert runtime.available()
    root = everything / "arm64" / "sysroot"
    command = runtime.engine().command(TASK)
    assert command[:5] == [
        str(everything / "qemu" / "qemu-aarch64-static"), "-L", str(root),
        str(root / "usr/bin/python3.11"), "-I",
    ]  # fmt: skip
    assert Path(command[5]).is_file()
    assert Path(command[6]).is_dir()
    assert runtime.engine().version() in {arm64.ONNXRUNTIME, arm64_paddle.PADDLE}
    assert runtime.version() == runtime.engine().version()


@pytest.mark.usefixtures("everything")
def test_the_older_x86_runs_this_python(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    command = all_runtimes()["avx2-onnxruntime"].engine().command(TASK)
    assert command[1:4] == ["-cpu", avx2.MODEL, sys.executable]
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert tools.find("avx2") is None


@pytest.mark.usefixtures("everything")
def test_the_system_s_emulator_comes_first(monkeypatch):
    monkeypatch.setattr(_emulators.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert _emulators.emulator("aarch64") == Path("/usr/bin/qemu-aarch64-static")
    monkeypatch.setattr(
        _emulators.shutil, "which", lambda name: None if name.endswith("-static") else f"/usr/bin/{name}"
    )
    assert _emulators.emulator("aarch64") == Path("/usr/bin/qemu-aarch64")


def test_libraries_of_this_processor_stay_here():
    task = replace(TASK, threads=3)
    told = all_runtimes()["arm64-onnxruntime"].engine().environment(task)
    assert told == {"LD_LIBRARY_PATH": "", "LD_PRELOAD": "", "OMP_NUM_THREADS": "3"}


@pytest.mark.usefixtures("nothing")
def test_paddle_of_arm64_stands_on_arm64(tmp_path):
    script = f'SIDE="{tmp_path}"\n{arm64_paddle.TOOL.recipe}'
    done = subprocess.run(["sh", "-eu"], input=script.encode(), capture_output=True)
    assert done.returncode == 1
    assert b"seatrial doctor arm64 | sh -eu" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["arm64", "arm64-paddle", "avx2"])
def test_recipes_name_no_mirror(name):
    assert "://" not in tools.all_tools()[name].recipe


# Paddle's import alone takes half a minute there; it answers in tests/checks.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["arm64-onnxruntime", "avx2-onnxruntime"])
def test_a_real_one_answers_and_is_not_timed(name, tmp_path):
    runtime = all_runtimes()[name]
    if not runtime.available():
        pytest.skip(f"the tool is not here: seatrial doctor {runtime.tool}")
    artifact = open_model(networks.write_network(tmp_path / "m", "onnx"))
    feeds = {"image": np.random.default_rng(1).random((3, 1, 8, 8), "float32")}
    options = SessionOptions(timeout=300, threads=2, precision="bfloat16")
    with open_session(artifact, runtime.twin) as here, open_session(artifact, name, options) as there:
        np.testing.assert_allclose(there.run(feeds)[0], here.run(feeds)[0], rtol=1e-4, atol=1e-6)
        told = there.exercise
        assert (told.threads, told.precision, told.load_seconds) == (2, "float32", 0.0)
        assert any("emulated" in each for each in told.notes)
        assert any("bfloat16 was asked for" in each for each in told.notes)
        with pytest.raises(UsageError, match="say nothing"):
            there.time(feeds, repeat=1)
