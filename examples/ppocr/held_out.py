"""Draws a labelled held-out set for PP-OCR recognition: lines of Chinese, Latin and digits on paper.

The text is our own; the font comes from a package (Noto Sans CJK, OFL-1.1). Every line is drawn with a seed,
so the same call makes the same bytes. With --mixed, some lines are as people send them: colored, cut out with
a transparent background, or lying on their side with EXIF data that says so.
Usage: python examples/ppocr/held_out.py OUT --font FONT [--count 120] [--mixed]
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PLACES = ("北京路", "中山公园", "东湖新村", "解放大街", "西门市场", "南京东路", "人民广场", "长江大桥")
THINGS = ("发票", "订单号", "合同编号", "出厂日期", "保质期", "会员卡", "运单", "检验报告", "登机牌", "收据")
WORDS = ("Invoice", "Total", "Room", "Gate", "Order", "Model", "Serial No", "Flight", "Ticket", "Part")
NOISES = ("clean", "blur", "grain", "tilt")
# What pictures are like when not every one of them is dark on light and stored as it is seen.
KINDS = ("plain", "colored", "plain", "cut-out", "plain", "turned", "colored")
# Ink and paper whose red and blue differ, so that exchanging them is seen.
COLORS = (
    ((150, 20, 20), (250, 236, 170)), ((20, 40, 150), (255, 225, 190)), ((250, 240, 120), (20, 60, 130)),
    ((255, 250, 240), (150, 40, 20)), ((10, 90, 40), (225, 235, 255)),
)  # fmt: skip
ORIENTATION = 0x0112


def line_of_text(rng: np.random.Generator) -> str:
    """One line as a form, a label or a sign has it."""
    number = "".join(str(each) for each in rng.integers(0, 10, int(rng.integers(4, 9))))
    place, thing, word = (str(rng.choice(each)) for each in (PLACES, THINGS, WORDS))
    patterns = (
        f"{place}{int(rng.integers(1, 400))}号",
        f"{thing}:{number}",
        f"{word} {number}",
        f"{thing}{int(rng.integers(2019, 2027))}年{int(rng.integers(1, 13))}月{int(rng.integers(1, 29))}日",
        f"{word} {int(rng.integers(1, 99))}.{int(rng.integers(10, 99))}",
        f"{place}{thing}",
    )
    return patterns[int(rng.integers(len(patterns)))]


Color = tuple[int, ...]


def draw(text: str, font: Path, noise: str, rng: np.random.Generator, kind: str = "plain") -> bytes:
    """The line as a PNG, dark on light unless `kind` is colored, 40 to 64 pixels high."""
    size = int(rng.integers(28, 44))
    face = ImageFont.truetype(str(font), size)
    left, top, right, bottom = (int(each) for each in face.getbbox(text))
    pad = int(rng.integers(6, 12))
    level = int(rng.integers(215, 256))
    paper: Color = (level, level, level - 8)
    ink: Color = tuple(int(each) for each in rng.integers(0, 70, 3))
    if kind == "colored":
        ink, paper = COLORS[int(rng.integers(len(COLORS)))]
    image = Image.new("RGB", (right - left + 2 * pad, bottom - top + 2 * pad), paper)
    ImageDraw.Draw(image).text((pad - left, pad - top), text, font=face, fill=ink)
    if noise == "tilt":
        image = image.rotate(float(rng.uniform(-1.5, 1.5)), expand=True, fillcolor=paper)
    if noise == "blur":
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 0.9))))
    if noise == "grain":
        pixels = np.asarray(image).astype("float32") + rng.normal(0, 8, (image.height, image.width, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype("uint8"))
    return stored(image, kind, paper)


def stored(image: Image.Image, kind: str, paper: Color) -> bytes:
    """The picture as a PNG: a cut-out has transparent paper, a turned one its turn in EXIF."""
    exif = Image.Exif()
    if kind == "cut-out":
        far = np.abs(np.asarray(image).astype(int) - paper).max(axis=2)
        image.putalpha(Image.fromarray((far * 4).clip(0, 255).astype("uint8")))
    if kind == "turned":
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[ORIENTATION] = 6  # to be turned clockwise by 90 degrees
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def make(out: Path, font: Path, *, count: int = 120, seed: int = 7, mixed: bool = False) -> None:
    """Writes `count` images and labels.csv (file, label, and the slices `noise` and, if mixed, `kind`)."""
    rng = np.random.default_rng(seed)
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows, seen = ["file,label,noise,kind" if mixed else "file,label,noise"], set()
    while len(seen) < count:
        text = line_of_text(rng)
        if text in seen:
            continue
        seen.add(text)
        noise = NOISES[len(seen) % len(NOISES)]
        kind = KINDS[len(seen) % len(KINDS)] if mixed else "plain"
        name = f"images/{len(seen):04d}.png"
        (out / name).write_bytes(draw(text, font, noise, rng, kind))
        rows.append(f"{name},{text},{noise},{kind}" if mixed else f"{name},{text},{noise}")
    (out / "labels.csv").write_text("\n".join(rows) + "\n", "utf-8")


def main() -> None:
    """Draws the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--font", type=Path, required=True)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--mixed", action="store_true")
    options = parser.parse_args()
    make(options.out, options.font, count=options.count, seed=options.seed, mixed=options.mixed)


if __name__ == "__main__":
    main()
