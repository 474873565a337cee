"""What a server of a real model tells: lines, spans at a collector, metrics, drift."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from seatrial.cli.drift import command
from support.serve_process import Served, serving

ROOT = Path(__file__).resolve().parents[2]
TRACE = "0af7651916cd43dd8448eb211c80319c"

pytestmark = pytest.mark.slow


@pytest.fixture
def release(tmp_path: Path, digits: Path) -> Path:
    shutil.copytree(digits / "model", tmp_path / "digits")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "digits")
    return tmp_path / "digits"


@pytest.fixture
def images(digits: Path) -> np.ndarray:
    with np.load(digits / "held_out.npz") as arrays:
        return arrays["image"].astype("float32")


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP collector's address, and the spans that came."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in each.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    thread.join()
    server.server_close()


def tensor(image: np.ndarray) -> bytes:
    entry = {"name": "image", "datatype": "FP32", "shape": image.shape, "data": image.ravel().tolist()}
    return json.dumps({"inputs": [entry]}).encode()


def ask(served: Served, path: str, body: bytes, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(served.address, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, {"Content-Type": "application/json", **named})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def metrics(served: Served) -> dict[str, list[tuple[dict[str, str], float]]]:
    connection = http.client.HTTPConnection(served.address, timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.mark.parametrize("fronts", [1, 2])
def test_a_request_is_followed_through_lines_spans_and_metrics(
    fronts: int, release: Path, images: np.ndarray, collector: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, spans = collector
    log = tmp_path / "requests.jsonl"
    words = ("--request-log", log, "--traces", url, "--fronts", fronts)
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    with serving(release, *words) as served:
        path = "/v2/models/digits/infer"
        answer = ask(served, path, tensor(images[:3]), x_log_id="seven", traceparent=parent)
        assert (answer.status, answer.headers["x-log-id"]) == (200, "seven")
        body = json.dumps({"inputs": {"image": images[0].tolist()}}).encode()
        answer = ask(served, "/v1/models/digits/predict", body, traceparent=parent)
        assert (answer.status, answer.headers["x-log-id"]) == (200, TRACE)
        assert answer.headers["x-seatrial-version"] == "1"
        assert ask(served, path, b"{", x_log_id="bad").status == 400
        told = metrics(served)
    lines = {each["log_id"]: each for each in map(json.loads, log.read_text().splitlines())}
    seven = lines["seven"]
    assert (seven["trace_id"], seven["verdict"], seven["rows"]) == (TRACE, "ok", 3)
    assert seven["input"]["tensors"] == {"image": [3, 1, 8, 8]}
    assert 0 < seven["seconds"]["device"] < seven["seconds"]["total"] < 10
    assert lines[TRACE]["route"] == "predict"
    assert lines["bad"]["verdict"] == "refused"
    traced = [each for each in spans if each.trace_id.hex() == TRACE]
    names = sorted(each.name for each in traced)
    assert names == sorted(2 * ["read", "prepare", "queue", "device", "answer", "request"])
    assert {each.parent_span_id.hex() for each in traced if each.name == "request"} == {"b7ad6b7169203331"}
    counts = {labels["route"]: value for labels, value in told["seatrial_request_seconds_count"]}
    assert counts["infer"] == 2
    assert counts["predict"] == 1
    ((labels, predicted),) = told["seatrial_predicted_total"]
    assert (labels["model"], predicted) == ("digits", 1)
    ((_, memory),) = told["seatrial_engine_resident_memory_bytes"]
    assert memory > 30e6
    assert len(told.get("seatrial_front_resident_memory_bytes", [])) == (fronts if fronts > 1 else 0)


def test_a_collector_and_a_disk_that_fail_cost_no_answer(release: Path, images: np.ndarray) -> None:
    with serving(release, "--request-log", "/dev/full", "--traces", "http://127.0.0.1:9") as served:
        for each in images[:20]:
            assert ask(served, "/v2/models/digits/infer", tensor(each[None])).status == 200
        until(lambda: dict_of(served, "seatrial_log_lines_total")["failed"] >= 20)
        assert dict_of(served, "seatrial_log_lines_total")["written"] == 0


def dict_of(served: Served, name: str) -> dict[str, float]:
    return {labels["outcome"]: value for labels, value in metrics(served)[name]}


def test_inputs_that_changed_are_noticed(release: Path, digits: Path, images: np.ndarray) -> None:
    learned = CliRunner().invoke(command, ["learn", str(release), "--data", str(digits / "held_out.npz")])
    assert learned.exit_code == 0, learned.output
    with serving(release) as served:

        def drift(light: float) -> float:
            for start in range(0, 448, 16):
                batch = light * images[start : start + 16]
                assert ask(served, "/v2/models/digits/infer", tensor(batch)).status == 200
                time.sleep(0.055)  # 20 a second are looked at
            ((labels, value),) = metrics(served)["seatrial_input_drift"]
            assert labels == {"model": "digits", "version": "1", "input": "image"}
            return value

        assert drift(1.0) < 0.1
        assert drift(0.4) > 0.25


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
