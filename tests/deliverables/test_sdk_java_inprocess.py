"""The Java SDK with the model in its own process: real models, ONNX Runtime's own classes (M31)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from seatrial.converters import convert
from seatrial.deliverables import Handover
from seatrial.model import open_model
from support import onnxruntime_sdk
from support.java_bundles import bundle_of, java, javac, of_digits, of_lines, of_pages, of_reviews

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("javac"), reason="javac is not installed"),
]


class Built:
    """A bundle whose Java SDK was compiled with the in-process form, as its README says."""

    def __init__(self, handover: Handover, folder: Path) -> None:
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


@pytest.fixture(scope="module")
def of_digits_onnx(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Handover:
    folder = tmp_path_factory.mktemp("digits")
    model = convert(open_model(digits / "model"), "onnx", folder / "onnx").artifact
    return of_digits(folder, digits, model, "onnxruntime")


def test_digits_alone_together_and_in_threads(of_digits_onnx: Handover, tmp_path: Path) -> None:
    built = Built(of_digits_onnx, tmp_path)
    built.proved()
    expected = [each.answer["class"] for each in of_digits_onnx.vectors]
    for program, count in (("Single", 1), ("Batch", 12), ("MultiThread", 12)):
        code, told, errors = built.run(f"samples.inprocess.{program}")
        assert code == 0, errors
        assert [json.loads(line.partition(" ")[2])["class"] for line in told.splitlines()] == expected[:count]


def test_other_weights_are_seen(of_digits_onnx: Handover, tmp_path: Path) -> None:
    built = Built(of_digits_onnx, tmp_path)
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
    Built(of_lines(tmp_path, ppocr, chinese_font), tmp_path).proved()


def test_boxes_of_pages(ppocr: Path, chinese_font: Path, tmp_path: Path) -> None:
    Built(of_pages(tmp_path, ppocr, chinese_font), tmp_path).proved()


def test_reviews(reviews: Path, tmp_path: Path) -> None:
    model = convert(open_model(reviews / "model"), "onnx", tmp_path / "onnx").artifact
    Built(of_reviews(tmp_path, reviews, model, "onnxruntime"), tmp_path).proved()
