"""Draws a labelled held-out set for PP-OCR text detection: small pages of some lines, with a box for each.

Like held_out.py, whose text, colors and font it uses: the same call makes the same bytes. The list is
PaddleOCR's own, labels.txt with `file<TAB>[{"transcription", "points"}]`.
Usage: python examples/ppocr/pages.py OUT --font FONT [--count 32]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from held_out import COLORS, KINDS, Color, line_of_text, stored
from PIL import Image, ImageDraw, ImageFont

# Height and width. Some are no multiples of 32, and one is wider than the 960 pixels the model looks at.
SIZES = ((320, 480), (288, 416), (300, 430), (416, 320), (256, 1000), (256, 384))


def page(size: tuple[int, int], kind: str, font: Path, rng: np.random.Generator) -> tuple[bytes, list[Any]]:
    """One page as a PNG, and its boxes with what is written in them."""
    height, width = size
    level = int(rng.integers(225, 256))
    ink, paper = (15, 15, 40), (level, level, level - 10)
    if kind == "colored":
        ink, paper = COLORS[int(rng.integers(len(COLORS)))]
    image = Image.new("RGB", (width, height), paper)
    boxes, top = [], int(rng.integers(16, 40))
    while top < height - 60:
        text = line_of_text(rng)
        face = ImageFont.truetype(str(font), int(rng.integers(18, 32)))
        left = int(rng.integers(16, max(17, width - int(face.getlength(text)) - 16)))
        boxes.append({"transcription": text, "points": write(image, (left, top), text, face, ink)})
        top += int(rng.integers(60, 90))
    return stored(image, kind, paper), boxes


def write(
    image: Image.Image, place: tuple[int, int], text: str, face: ImageFont.FreeTypeFont, ink: Color
) -> list[list[int]]:
    """Writes a line and gives its four corners, from the upper left clockwise."""
    pen = ImageDraw.Draw(image)
    pen.text(place, text, font=face, fill=ink)
    left, top, right, bottom = (int(each) for each in pen.textbbox(place, text, font=face))
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def make(out: Path, font: Path, *, count: int, seed: int = 7) -> None:
    """Writes `count` pages and labels.txt."""
    rng = np.random.default_rng(seed)
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for place in range(count):
        name = f"images/{place:04d}.png"
        data, boxes = page(SIZES[place % len(SIZES)], KINDS[place % len(KINDS)], font, rng)
        (out / name).write_bytes(data)
        rows.append(f"{name}\t{json.dumps(boxes, ensure_ascii=False)}")
    (out / "labels.txt").write_text("\n".join(rows) + "\n", "utf-8")


def main() -> None:
    """Draws the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--font", type=Path, required=True)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    make(options.out, options.font, count=options.count, seed=options.seed)


if __name__ == "__main__":
    main()
