"""`seatrial serve --grpc-port` on a real model: the engine's own numbers over both protocols, and SIGTERM."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from seatrial.model import open_model
from seatrial.runtimes import open_session
from support.serve_process import Served, serving

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path, digits: Path) -> Path:
    shutil.copytree(digits / "model", tmp_path / "digits")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "digits")
    return tmp_path / "digits"


def rpc_address(served: Served) -> str:
    return served.said.partition("gRPC: ")[2].splitlines()[0]


def asked(module: Any, client: Any, image: np.ndarray) -> np.ndarray:
    tensor = module.InferInput("image", list(image.shape), "FP32")
    tensor.set_data_from_numpy(image)
    answer = client.infer("digits", [tensor])
    first = answer.get_response()
    name = first["outputs"][0]["name"] if isinstance(first, dict) else first.outputs[0].name
    return answer.as_numpy(name)


@pytest.mark.parametrize("fronts", [1, 2])
def test_both_protocols_give_what_the_engine_gives(model: Path, digits: Path, fronts: int) -> None:
    with np.load(digits / "held_out.npz") as arrays:
        image = arrays["image"][:24].astype(np.float32)
    with open_session(open_model(model)) as session:
        (expected,) = session.run({"image": image})
    with serving(model, "--grpc-port", 0, "--fronts", fronts) as served:
        rest = tritonclient.http.InferenceServerClient(served.address)
        rpc = tritonclient.grpc.InferenceServerClient(rpc_address(served))
        np.testing.assert_allclose(asked(tritonclient.grpc, rpc, image), expected, atol=1e-6)
        for row in range(0, 24, 3):
            part = image[row : row + 3]
            np.testing.assert_array_equal(
                asked(tritonclient.grpc, rpc, part), asked(tritonclient.http, rest, part)
            )
        with pytest.raises(InferenceServerException, match="image") as caught:
            asked(tritonclient.grpc, rpc, image[:, :, :5])
        assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
        config = rpc.get_model_config("digits").config
        assert (config.name, config.input[0].name) == ("digits", "image")
        rpc.close()
        rest.close()


def test_what_is_under_way_is_answered_after_a_signal(model: Path) -> None:
    told: Counter[str] = Counter()
    image = np.ones((1, 1, 8, 8), np.float32)
    with serving(model, "--grpc-port", 0) as served:
        address, stop = rpc_address(served), threading.Event()

        def ask() -> None:
            with tritonclient.grpc.InferenceServerClient(address) as client:
                while not stop.is_set():
                    try:
                        asked(tritonclient.grpc, client, image)
                        told["answered"] += 1
                    except InferenceServerException as error:
                        told[str(error.status())] += 1
                        return

        clients = [threading.Thread(target=ask) for _ in range(8)]
        for each in clients:
            each.start()
        time.sleep(1)
        served.process.send_signal(signal.SIGTERM)
        try:
            assert served.process.wait(120) == 0
        finally:
            stop.set()
            for each in clients:
                each.join(30)
    assert told["answered"] > 100
    # Calls that came after the signal find the door closed; none that was taken failed.
    assert set(told) <= {"answered", "StatusCode.UNAVAILABLE"}, told


def test_a_port_that_is_taken_is_said(model: Path) -> None:
    from support.serve_process import CLI

    with serving(model, "--grpc-port", 0) as served:
        port = rpc_address(served).rpartition(":")[2]
        again = subprocess.run(
            [*CLI, str(model), "--port", "0", "--grpc-port", port], capture_output=True, text=True, timeout=60
        )
    assert again.returncode == 5
    assert "cannot listen" in again.stderr
    assert "Traceback" not in again.stderr
