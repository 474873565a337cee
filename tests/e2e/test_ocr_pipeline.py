"""The three models of PP-OCR as one pipeline: what it reads is what RapidOCR's own pipeline reads (M40)."""

from __future__ import annotations

import concurrent.futures
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.ocr import lay_out, pages
from support.rapidocr import rapidocr
from support.serve_process import Served, serving

pytestmark = pytest.mark.slow
COUNT = 12


def read(served: Served, page: bytes) -> list[dict[str, Any]]:
    status, answer = served.ask("POST", "/v1/models/ocr/predict", page, "image/png")
    assert status == 200, answer
    lines: list[dict[str, Any]] = answer["lines"]
    return lines


def test_it_reads_what_rapidocr_reads(ppocr: Path, chinese_font: Path, tmp_path: Path) -> None:
    engine = rapidocr(ppocr)
    engine.text_rec.rec_batch_num = 1  # else lines are padded to the widest of six, which changes some texts
    drawn = list(pages(tmp_path / "pages", chinese_font, COUNT))
    config = lay_out(tmp_path / "ocr", ppocr, as_rapidocr=True)
    lines = 0
    with serving("--config", config) as served:
        with concurrent.futures.ThreadPoolExecutor(4) as clients:
            answers = list(clients.map(lambda page: read(served, page[0]), drawn))
        for (_, pixels), got in zip(drawn, answers, strict=True):
            expected = engine(pixels)[0] or []
            assert [each["text"] for each in got] == [text for _, text, _ in expected]
            for ours, (box, _, confidence) in zip(got, expected, strict=True):
                assert np.abs(np.asarray(ours["box"]) - box).max() <= 1
                assert ours["confidence"] == pytest.approx(confidence, abs=1e-3)
            lines += len(got)
        assert lines >= 3 * COUNT
        assert {line["angle"] for line in answers[3]} == {"180"}  # it stands on its head
        told = served.ask("GET", "/v2/models/ocr")[1]
        assert told["platform"] == "seatrial_pipeline"
        assert [each.get("model", "") for each in told["parameters"]["stages"]].count("") == 5


def test_wrong_pages_are_refused_and_empty_ones_have_no_lines(ppocr: Path, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), "white").save(stream, "PNG")
    config = lay_out(tmp_path / "ocr", ppocr)
    with serving("--config", config) as served:
        assert read(served, stream.getvalue()) == []
        status, answer = served.ask("POST", "/v1/models/ocr/predict", b"no picture", "image/png")
        assert status == 400
        assert answer["error"].startswith("stage 'page': the bytes are no image")
        status, answer = served.ask("POST", "/v1/models/ocr/predict", json.dumps({"text": "a"}).encode())
        assert (status, "takes a file" in answer["error"]) == (400, True)


def test_on_paddle_it_reads_what_is_written(ppocr: Path, chinese_font: Path, tmp_path: Path) -> None:
    drawn = list(pages(tmp_path / "pages", chinese_font, 3))
    labels = (tmp_path / "pages" / "labels.txt").read_text("utf-8").splitlines()
    config = lay_out(tmp_path / "ocr", ppocr, engine="paddle")
    with serving("--config", config) as served:
        for (page, _), row in zip(drawn, labels, strict=True):
            written = [each["transcription"] for each in json.loads(row.partition("\t")[2])]
            got = [each["text"] for each in read(served, page)]
            assert [_plain(each) for each in got] == [_plain(each) for each in written]


def _plain(text: str) -> str:
    """The model reads full-width marks for some and leaves spaces out."""
    return text.replace(" ", "").replace("：", ":")
