"""Writes the digits of train.py as pictures, as a service would get them: gray PNG files of 32 x 32 pixels.

Averaged over 4 x 4 pixels they are the arrays again, to half a gray level. One in eight is a cut-out with a
transparent background, one in eight lies on its side and says so in its EXIF data.
Usage: python examples/digits/pictures.py OUT (a folder that train.py has written)
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

LABELS, ORIENTATION = "labels.csv", 0x0112
ENLARGED = 4
KINDS = ("plain", "cut-out", "plain", "plain", "turned", "plain", "plain", "plain")


def smooth(image: np.ndarray) -> np.ndarray:
    """Gray levels [8, 8] in [0, 1] -> uint8 [32, 32], smooth, with the same means over 4 x 4 pixels."""
    wanted = image * 255
    large = cv2.resize(wanted, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    for _ in range(30):  # clipping moves the means a little; what is left is put back block by block
        large = large.clip(0, 255)
        means = cv2.resize(large, wanted.shape[::-1], interpolation=cv2.INTER_AREA)
        large = large + np.kron(wanted - means, np.ones((ENLARGED, ENLARGED)))
    return np.asarray(large.clip(0, 255).round().astype("uint8"))


def picture(image: np.ndarray, kind: str) -> bytes:
    """One PNG."""
    gray = smooth(image)
    drawn = Image.fromarray(gray)
    exif = Image.Exif()
    if kind == "cut-out":
        drawn = Image.merge("LA", [drawn, Image.fromarray(np.where(gray > 0, 255, 0).astype("uint8"))])
    if kind == "turned":
        drawn = drawn.transpose(Image.Transpose.ROTATE_90)
        exif[ORIENTATION] = 6  # to be turned clockwise by 90 degrees
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def write(arrays: Path, out: Path) -> None:
    """Every row of `arrays` (.npz) as a file, and labels.csv with the columns file, label and kind."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows = ["file,label,kind"]
    with np.load(arrays) as data:
        for place, (image, label) in enumerate(zip(data["image"], data["label"], strict=True)):
            kind = KINDS[place % len(KINDS)]
            name = f"images/{place:04d}.png"
            (out / name).write_bytes(picture(image[0], kind))
            rows.append(f"{name},{label},{kind}")
    (out / LABELS).write_text("\n".join(rows) + "\n", "utf-8")


def main() -> None:
    """Writes pictures/held_out and pictures/members."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    for name in ("held_out", "members"):
        write(out / f"{name}.npz", out / "pictures" / name)


if __name__ == "__main__":
    main()
