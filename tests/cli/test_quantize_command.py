"""`seatrial quantize` on real models: exit codes, what is written, what is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from seatrial.cli._share import share
from seatrial.cli.main import main
from seatrial.model import open_model
from support import ocr

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("text", "value"), [("1%", 0.01), ("0.01", 0.01), (" 2.5 % ", 0.025), ("0", 0.0)])
def test_shares_are_percent_or_numbers(text, value):
    assert share(None, None, text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["a lot", "101%", "-1%", "nan%"])
def test_other_texts_are_no_share(text):
    with pytest.raises(click.BadParameter):
        share(None, None, text)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["model"], 2),
        (["model", "--data", "none.npz", "--mode", "qat"], 2),
        (["model", "--data", "none.npz", "--max-drop", "many"], 2),
        (["model", "--data", "none.npz", "--mode", "int4"], 2),
        (["nowhere", "--data", "none.npz"], 2),
    ],
    ids=["no-data", "qat-without-script", "max-drop", "mode", "no-model"],
)
def test_calls_that_are_wrong(words, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["quantize", *words]) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def asked(digits, capsys):
    def run(*words, data="members.npz"):
        held = ["--held-out", str(digits / "held_out.npz")] if data == "members.npz" else []
        code = main(["quantize", str(digits / "model"), "--data", str(digits / data), *held, *words])
        return code, capsys.readouterr().out

    return run


@pytest.mark.slow
def test_digits_become_integer_with_a_page_and_data(asked, digits, tmp_path):
    before, out = open_model(digits / "model").digest, tmp_path / "out"
    code, said = asked("-o", str(out), "--sensitivity")
    assert code == 0
    assert open_model(digits / "model").digest == before
    names = sorted(each.name for each in out.iterdir())
    assert names == ["contract.yaml", "inference.onnx", "quantization.html", "quantization.json"]
    data = json.loads((out / "quantization.json").read_text("utf-8"))
    assert data["delivered"] == open_model(out / "inference.onnx").digest
    assert len(data["layers"]) == 4
    assert data["attempts"][-1]["drop"]["high"] <= 0.01
    assert data["attempts"][-1]["bytes"] < data["source"]["bytes"] / 2
    page = (out / "quantization.html").read_text("utf-8")
    assert "<svg" in page
    assert "<script" not in page
    assert "128 of 1347 calibration samples set the scales, 450 others judge" in said
    assert "surely within 1.00%" in said
    assert str(tmp_path) not in page


@pytest.mark.slow
def test_what_cannot_be_proved_exits_with_1_and_leaves_the_reason(asked, tmp_path):
    code, said = asked("-o", str(tmp_path / "out"), "--max-drop", "0.1%", "--report", str(tmp_path / "why"))
    assert code == 1
    assert not (tmp_path / "out").exists()
    assert "450 samples cannot show" in said
    assert "Nothing was written" in said
    assert json.loads((tmp_path / "why" / "quantization.json").read_text("utf-8"))["delivered"] is None


@pytest.mark.slow
def test_the_place_must_be_free(asked, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    code, _ = asked("-o", str(tmp_path / "out"))
    assert code == 2
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.slow
def test_text_direction_of_pp_ocr(ppocr, chinese_font, tmp_path, capsys):
    """Half of the lines upside down; 2 % may be lost, so that few of them are needed."""
    program = [sys.executable, str(ROOT / "examples" / "ppocr" / "held_out.py"), str(tmp_path / "lines")]
    subprocess.run([*program, "--font", str(chinese_font), "--count", "180"], check=True, capture_output=True)
    for place, path in enumerate(sorted((tmp_path / "lines").rglob("*.png"))):
        folder = tmp_path / "turned" / ("0", "180")[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(Image.open(path).convert("RGB"))
        Image.fromarray(pixels[::-1, ::-1].copy() if place % 2 else pixels).save(folder / path.name)
    model = ppocr / "rapidocr_onnxruntime" / "models" / ocr.ONNX["cls"]
    contract = ROOT / "examples" / "ppocr" / "cls.contract.yaml"
    words = ["quantize", str(model), "--contract", str(contract), "--data", str(tmp_path / "turned")]
    code = main([*words, "--max-drop", "2%", "-o", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "set the scales and the" in said
    assert open_model(tmp_path / "out").size < open_model(model).size
