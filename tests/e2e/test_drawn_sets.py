"""The sets drawn for PP-OCR: the same call makes the same bytes, and every kind of picture is among them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from seatrial.contract import load_contract, read_held_out

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "ppocr"

pytestmark = pytest.mark.slow


def draw(script: str, out: Path, font: Path, *options: str) -> Path:
    command = [sys.executable, str(EXAMPLES / script), str(out), "--font", str(font), *options]
    subprocess.run(command, check=True)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


@pytest.mark.parametrize(
    ("script", "options"), [("held_out.py", ("--mixed", "--count", "14")), ("pages.py", ("--count", "8"))]
)
def test_the_same_call_makes_the_same_mixed_pictures(
    script: str, options: tuple[str, ...], tmp_path: Path, chinese_font: Path
) -> None:
    one, two = (draw(script, tmp_path / name, chinese_font, *options) for name in ("one", "two"))
    assert contents(one) == contents(two)
    pictures = [opened(each) for each in sorted((one / "images").iterdir())]
    assert {"RGB", "RGBA"} == {each.mode for each in pictures}
    assert {None, 6} == {each.getexif().get(0x0112) for each in pictures}
    assert any(red != blue for each in pictures for red, _, blue in [each.convert("RGB").getpixel((1, 1))])


def test_every_page_has_boxes_inside_it(tmp_path: Path, chinese_font: Path) -> None:
    pages = draw("pages.py", tmp_path / "pages", chinese_font, "--count", "8")
    contract = load_contract(EXAMPLES / "det.contract.yaml")
    for sample in read_held_out(pages, contract=contract):
        _, context = contract.prepare(sample.payload)
        height, width = context.notes["source_size"]
        assert len(sample.label["boxes"]) >= 2
        corners = [corner for box in sample.label["boxes"] for corner in box]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in corners)
