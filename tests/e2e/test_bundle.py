"""The road from a checked model to a served bundle, as a user walks it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.serve_process import serving

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def seatrial(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def delivered(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model/, report/report.json, held_out.npz and the bundle digits-1.0.0."""
    folder = tmp_path_factory.mktemp("delivered")
    shutil.copytree(digits / "model", folder / "model")
    shutil.copy(digits / "held_out.npz", folder)
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", folder / "model")
    checked = seatrial("check", "model", "--data", "held_out.npz", "-o", "report", "--quiet", cwd=folder)
    assert checked.returncode == 0, checked.stdout
    made = _bundle(folder, "digits-1.0.0")
    assert made.returncode == 0, made.stderr
    assert "digits@1.0.0" in made.stdout
    return folder


def _bundle(folder: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    asked = ["--report", "report/report.json", "--data", "held_out.npz", "--to", "onnx", "--archive"]
    return seatrial("bundle", "model", *asked, "-o", out, *more, cwd=folder)


def test_the_same_bundle_twice_and_as_one_file(delivered: Path) -> None:
    again = _bundle(delivered, "again/digits-1.0.0")
    assert again.returncode == 0, again.stderr
    one, two = delivered / "digits-1.0.0.tar.zst", delivered / "again" / "digits-1.0.0.tar.zst"
    assert one.read_bytes() == two.read_bytes()
    unpacked = seatrial("bundle", "unpack", one, "-o", "unpacked", cwd=delivered)
    assert unpacked.returncode == 0, unpacked.stderr
    shown = [
        seatrial("bundle", "show", each, cwd=delivered).stdout
        for each in ("digits-1.0.0", "digits-1.0.0.tar.zst", "unpacked/digits-1.0.0")
    ]
    assert shown[0] == shown[1] == shown[2]
    assert "onnx" in shown[0]
    assert "paddle-json" in shown[0]


@pytest.mark.parametrize("form", ["digits-1.0.0", "digits-1.0.0.tar.zst"])
@pytest.mark.parametrize("runtime", ["paddle", "onnxruntime"])
def test_it_is_served_without_extra_steps(delivered: Path, form: str, runtime: str) -> None:
    with serving(delivered / form, "--runtime", runtime) as server:
        _, metadata = server.ask("GET", "/v2/models/digits")
        assert metadata["versions"] == ["1.0.0"]
        assert metadata["platform"].startswith(runtime)
        vectors = json.loads((delivered / "digits-1.0.0/samples/vectors.json").read_text())["vectors"]
        for each in vectors[:3]:
            payload = np.load(delivered / "digits-1.0.0" / "samples" / each["payload"])
            body = json.dumps({"inputs": {"image": payload.tolist()}}).encode()
            status, answer = server.ask("POST", "/v1/models/digits/predict", body)
            assert status == 200, answer
            assert answer["class"] == each["answer"]["class"]


def test_a_bundle_that_was_changed_is_not_served(delivered: Path, tmp_path: Path) -> None:
    shutil.copytree(delivered / "digits-1.0.0", tmp_path / "digits-1.0.0")
    labels = tmp_path / "digits-1.0.0" / "labels.txt"
    labels.write_text(labels.read_text().replace("3", "8"))
    served = seatrial("serve", "digits-1.0.0", "--port", "0", cwd=tmp_path)
    assert served.returncode == 4, served.stderr
    assert "changed: labels.txt" in served.stderr


def test_a_model_that_was_not_checked_is_not_bundled(delivered: Path, tmp_path: Path) -> None:
    shutil.copytree(delivered / "model", tmp_path / "model")
    shutil.copy(delivered / "held_out.npz", tmp_path)
    shutil.copytree(delivered / "report", tmp_path / "report")
    weights = tmp_path / "model" / "inference.pdiparams"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    refused = _bundle(tmp_path, "digits-1.0.0")
    assert refused.returncode == 4, refused.stderr
    assert "about another model" in refused.stderr
    assert not (tmp_path / "digits-1.0.0").exists()


def test_every_command_says_what_it_wants(delivered: Path) -> None:
    for wrong, code in (
        (["bundle", "model"], 2),
        (["bundle", "show", "nowhere"], 2),
        (["bundle", "unpack", "model/inference.json"], 4),
        (["bundle", "pack", "model"], 2),
    ):
        asked = seatrial(*wrong, cwd=delivered)
        assert asked.returncode == code, (wrong, asked.stderr)
        assert "Traceback" not in asked.stderr


def test_as_an_artifact_and_back_it_has_the_same_digest(delivered: Path) -> None:
    made = seatrial("image", "--artifact", "digits-1.0.0", "-o", "artifact", cwd=delivered)
    assert made.returncode == 0, made.stderr
    pulled = seatrial("bundle", "pull", "oci:artifact", "-o", "pulled", cwd=delivered)
    assert pulled.returncode == 0, pulled.stderr
    shown = [
        seatrial("bundle", "show", each, cwd=delivered).stdout
        for each in ("digits-1.0.0", "pulled/digits-1.0.0")
    ]
    assert shown[0] == shown[1]
    pushed = seatrial("bundle", "push", "digits-1.0.0", "127.0.0.1:9/x:1", "--plain-http", cwd=delivered)
    assert pushed.returncode == 5, pushed.stderr
    assert "Traceback" not in pushed.stderr
