"""The C++ SDK on real contracts and models: golden vectors, in process, over HTTP, and what goes wrong."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from seatrial.contract import Contract, Pipeline, StepCall, load_contract
from support import cpp_sdk, ocr
from support.serve_process import serving

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = pytest.mark.slow

Lines = tuple[Path, list[bytes], list[bytes]]


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return cpp_sdk.library(tmp_path_factory.mktemp("cpp-library"))


def _scores(count: int) -> Any:
    rng = np.random.default_rng(6)

    def run(_: Mapping[str, Any]) -> list[np.ndarray]:
        return [rng.dirichlet(np.ones(count), 1).astype(np.float32)]

    return run


def _digit_pictures(count: int = 10) -> list[bytes]:
    rng = np.random.default_rng(8)
    found = []
    for place in range(count):
        pixels = rng.integers(0, 256, (28 + place, 30), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG" if place == 1 else "PNG")
        found.append(out.getvalue())
    return found


def _digits_sdk(folder: Path, contract: Contract | None = None) -> Path:
    """The SDK of `contract`, beside vectors of the real one."""
    real = load_contract(EXAMPLES / "digits" / "pictures.contract.yaml")
    golden = cpp_sdk.vectors(real, _digit_pictures(), _scores(10))
    sdk = cpp_sdk.lay_out(folder, real, golden)
    return cpp_sdk.lay_out(folder, contract, golden) if contract else sdk


def _golden(sdk: Path, objects: list[Path], *, expect: int = 0) -> str:
    program = cpp_sdk.program(sdk, "golden_test.cpp", objects)
    return cpp_sdk.run(program, sdk.parents[1] / "samples", expect=expect).stdout


def test_digits(tmp_path: Path, objects: list[Path]) -> None:
    said = _golden(_digits_sdk(tmp_path), objects)
    assert "preprocessing: 10 of 10\npostprocessing: 10 of 10\n" in said


@pytest.mark.parametrize("changed", [{"mean": (0.01,)}, {"std": (1.01,)}], ids=["mean", "std"])
def test_another_constant_is_seen(tmp_path: Path, objects: list[Path], changed: dict[str, Any]) -> None:
    real = load_contract(EXAMPLES / "digits" / "pictures.contract.yaml")
    calls = tuple(
        StepCall(call.name, {**call.options, **changed}) if call.name == "normalize" else call
        for call in real.preprocess.calls
    )
    other = dataclasses.replace(
        real, preprocess=Pipeline(calls), inputs=(dataclasses.replace(real.inputs[0], low=None, high=None),)
    )
    said = _golden(_digits_sdk(tmp_path, other), objects, expect=1)
    assert "preprocessing: 0 of 10\n" in said
    assert "preprocessing 000: input 'image' is " in said


def test_reviews(tmp_path: Path, objects: list[Path], reviews: Path) -> None:
    for each in (EXAMPLES / "reviews" / "contract.yaml", reviews / "model" / "vocabulary.txt"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    contract = load_contract(tmp_path / "contract.yaml")
    texts = ["这家酒店很好，服务周到！", "Ｖｅｒｙ　ＢＡＤ… 房间又小又脏", "①般般 ½ ﬁne", "x", "好" * 300]
    sdk = cpp_sdk.lay_out(tmp_path, contract, cpp_sdk.vectors(contract, texts, _scores(2)))
    assert "preprocessing: 5 of 5\npostprocessing: 5 of 5\n" in _golden(sdk, objects)


@pytest.fixture(scope="session")
def line_models(tmp_path_factory: pytest.TempPathFactory, ppocr: Path, chinese_font: Path) -> Lines:
    """The OCR models laid out, pages, and lines cut out of them."""
    folder = tmp_path_factory.mktemp("cpp-ocr")
    ocr.lay_out(folder / "models", ppocr)
    pages = list(ocr.pages(folder / "pages", chinese_font, 3))
    font = ImageFont.truetype(str(chinese_font), 28)
    lines = []
    for text in (
        "SEATRIAL 2026",
        "海试报告",
        "Rate 99.5%",
        "交付 v1.0",
        "短",
        "a much longer line of text than the others are",
    ):
        picture = Image.new("RGB", (int(font.getlength(text)) + 20, 44), "white")
        ImageDraw.Draw(picture).text((10, 2), text, "black", font=font)
        out = io.BytesIO()
        picture.save(out, "PNG")
        lines.append(out.getvalue())
    return folder / "models", [page for page, _ in pages], lines


def _session(folder: Path) -> tuple[Contract, Path, Any]:
    import onnxruntime

    contract = load_contract(folder / "contract.yaml")
    model = next(folder.glob("*.onnx"))
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return contract, model, lambda feeds: session.run(None, dict(feeds))


@pytest.mark.parametrize("name", ["det", "cls"])
def test_ocr(tmp_path: Path, objects: list[Path], line_models: Lines, name: str) -> None:
    folder, pages, lines = line_models
    contract, _, run = _session(folder / name)
    payloads = pages if name == "det" else lines
    said = _golden(cpp_sdk.lay_out(tmp_path, contract, cpp_sdk.vectors(contract, payloads, run)), objects)
    whole = f"{len(payloads)} of {len(payloads)}"
    assert f"preprocessing: {whole}\npostprocessing: {whole}\n" in said


def test_in_process(tmp_path: Path, objects: list[Path], line_models: Lines) -> None:
    folder, _, lines = line_models
    contract, model, run = _session(folder / "rec")
    golden = cpp_sdk.vectors(contract, lines, run)
    sdk = cpp_sdk.lay_out(tmp_path, contract, golden)
    flags, libraries = cpp_sdk.onnxruntime_flags()
    program = cpp_sdk.program(sdk, "golden_test.cpp", objects, flags=flags, libraries=libraries)
    said = cpp_sdk.run(program, tmp_path / "samples", model).stdout
    assert said == "preprocessing: 6 of 6\npostprocessing: 6 of 6\nend-to-end: 6 of 6\n"
    files = sorted(path for path in (tmp_path / "samples").glob("*.png"))
    for source in ("single", "batch", "threads"):
        sample = cpp_sdk.program(sdk, f"samples/{source}.cpp", objects, flags=flags, libraries=libraries)
        asked = files[:1] if source == "single" else files
        got = cpp_sdk.answers(cpp_sdk.run(sample, model, *asked))
        assert [each["text"] for each in got] == [each.answer["text"] for each in golden[: len(asked)]]
    single = sdk / "build" / "single.bin"
    broken = tmp_path / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:300])
    assert (
        "step 1 (decode_image): the image is damaged" in cpp_sdk.run(single, model, broken, expect=1).stderr
    )
    assert (
        "'none.png' cannot be read: No such file" in cpp_sdk.run(single, model, "none.png", expect=1).stderr
    )
    assert "there is no model 'none.onnx'" in cpp_sdk.run(single, "none.onnx", files[0], expect=1).stderr
    assert "cannot be loaded" in cpp_sdk.run(single, broken, files[0], expect=1).stderr


def test_http(tmp_path: Path, objects: list[Path], line_models: Lines) -> None:
    folder, _, lines = line_models
    contract, model, run = _session(folder / "cls")
    golden = cpp_sdk.vectors(contract, lines[:2], run)
    sdk = cpp_sdk.lay_out(tmp_path, contract, golden, name="cls")
    program = cpp_sdk.program(sdk, "samples/http_client.cpp", objects)
    with serving(f"cls={model}", "--runtime", "onnxruntime", "--max-batch-size", "1") as served:
        for vector in golden:
            here, there = cpp_sdk.answers(
                cpp_sdk.run(program, f"http://{served.address}", tmp_path / "samples" / f"{vector.name}.png")
            )
            for got in (here, there):
                assert got["class"] == vector.answer["class"]
                assert got["confidence"] == pytest.approx(vector.answer["confidence"], abs=1e-4)
        unknown = cpp_sdk.run(
            program, f"http://{served.address}", tmp_path / "samples" / "000.png", "nobody", expect=1
        )
        assert "refuses with 404" in unknown.stderr
    gone = cpp_sdk.run(program, f"http://{served.address}", tmp_path / "samples" / "000.png", expect=3)
    assert "does not answer: Connection refused" in gone.stderr
    assert "tried 4 times" in gone.stderr
