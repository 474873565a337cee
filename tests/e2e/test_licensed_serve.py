"""`seatrial serve --license`: what a license permits is answered, the rest is refused and says why."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from seatrial.model.bundle import Bundle
from seatrial.trust.claims import Claims
from seatrial.trust.device import enroll, read_device
from seatrial.trust.holders import new_holder
from seatrial.trust.keys import new_key
from seatrial.trust.license import issue
from seatrial.trust.revocation import revoke
from seatrial.trust.sealing import seal
from seatrial.trust.unsealing import content_key_of
from support.real_bundles import real_bundle
from support.serve_process import CLI, Served, serving

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
ISSUER = new_key()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return real_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A device that believes the issuer."""
    enroll(tmp_path / "device.json", parts={}, now=NOW - timedelta(days=60), issuers=[ISSUER.public])
    return tmp_path / "device.json"


def licensed(device: Path, *bundles: str, keys: dict[str, bytes] | None = None, **changed: Any) -> Path:
    """A license for the device; by default it began ten days ago and goes on for ten more."""
    told: dict[str, Any] = {
        "id": "L-1",
        "customer": "ACME",
        "issuer": "",
        "device": "",
        "bundles": bundles or ("network@*",),
        "features": ("serve",),
        "issued": NOW - timedelta(days=10),
        "not_before": NOW - timedelta(days=10),
        "expires": NOW + timedelta(days=10),
    }
    path = device.with_name("x.license.json")
    claims = Claims(**(told | changed))
    path.write_bytes(issue(claims, ISSUER, to=read_device(device).public, content_keys=keys))
    return path


def infer(served: Served, rows: int = 1) -> tuple[int, dict[str, str], dict[str, Any]]:
    data = np.zeros((rows, 1, 8, 8)).ravel().tolist()
    body = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [rows, 1, 8, 8], "data": data}]}
    connection = http.client.HTTPConnection(served.address, timeout=60)
    try:
        connection.request("POST", "/v2/models/network/infer", json.dumps(body))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), json.loads(answer.read())
    finally:
        connection.close()


def metric(served: Served, name: str) -> float | None:
    connection = http.client.HTTPConnection(served.address, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = [line for line in text.splitlines() if line.startswith(name)]
    return float(found[0].rpartition(" ")[2]) if found else None


def refused(*words: object) -> str:
    """What `seatrial serve` says when it does not start, with exit code 4."""
    done = subprocess.run([*CLI, *map(str, words), "--port", "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_calls_are_counted_over_restarts_and_over_both_protocols(bundle: Bundle, device: Path) -> None:
    words = [bundle.folder, "--license", licensed(device, bundle.digest, max_calls=20), "--device", device]
    with serving(*words) as served:
        assert "license L-1 for ACME: 10 days, 20 calls left" in served.said
        assert infer(served)[0] == 200
        assert infer(served, rows=9)[0] == 200
        status, _, answer = infer(served, rows=11)
        assert status == 403
        assert "10 calls of the license are left, 11 were asked for" in answer["error"]
        assert metric(served, 'seatrial_license_calls_left{license="L-1"}') == 10
        assert metric(served, 'seatrial_license_days_left{license="L-1"}') == pytest.approx(10, abs=0.1)
        assert metric(served, 'seatrial_license_refused_total{license="L-1",reason="OverQuota"}') == 1
    with serving(*words, "--grpc-port", 0) as served:
        assert infer(served, rows=10)[0] == 200
        rpc = tritonclient.grpc.InferenceServerClient(served.said.partition("gRPC: ")[2].splitlines()[0])
        tensor = tritonclient.grpc.InferInput("image", [1, 1, 8, 8], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 1, 8, 8), np.float32))
        with pytest.raises(InferenceServerException, match="over quota") as failed:
            rpc.infer("network", [tensor])
        assert failed.value.status() == "StatusCode.PERMISSION_DENIED"
        rpc.close()


def test_a_killed_server_gains_nothing(bundle: Bundle, device: Path) -> None:
    words = [bundle.folder, "--license", licensed(device, max_calls=1500), "--device", device]
    process = subprocess.Popen([*CLI, *map(str, words), "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = ""
    while "ready: " not in said:
        said += process.stdout.readline()
    served = Served(process, said.partition("ready: http://")[2].partition("/")[0], said)
    assert infer(served, rows=3)[0] == 200
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with serving(*words) as served:
        assert "500 calls left" in served.said


@pytest.mark.parametrize("fronts", [1, 2])
def test_too_fast_and_in_its_grace(bundle: Bundle, device: Path, fronts: int) -> None:
    limits = {"max_rows_per_second": 2, "expires": NOW - timedelta(days=1), "grace_days": 3}
    words = ["--license", licensed(device, **limits), "--device", device, "--fronts", fronts]
    with serving(bundle.folder, *words) as served:
        assert "WARNING: the license L-1 expired on" in served.said
        status, headers, _ = infer(served, rows=2)
        assert status == 200
        assert "it works for 2.0 days more" in headers["X-Seatrial-License"]
        status, headers, answer = infer(served)
        assert status == 429
        assert headers["Retry-After"] == "1"
        assert "the license permits 2 rows a second" in answer["error"]


def test_a_sealed_bundle_is_opened_by_its_license_alone(bundle: Bundle, device: Path, tmp_path: Path) -> None:
    holder = new_holder()
    sealed = seal(bundle, tmp_path / "sealed", [holder.public_key()])
    keys = {sealed.digest: content_key_of(sealed, holder)}
    path = licensed(device, bundle.digest, keys=keys)
    with serving(sealed.folder, "--license", path, "--device", device) as served:
        assert "unsealed in memory" in served.said
        assert infer(served)[0] == 200
    assert "no license has the key of the sealed bundle" in refused(
        sealed.folder, "--license", licensed(device, bundle.digest), "--device", device
    )


def test_what_does_not_even_start(bundle: Bundle, device: Path, tmp_path: Path) -> None:
    model = next(bundle.folder.glob("models/*/*.onnx"))
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / model.name).write_bytes(model.read_bytes())
    other = tmp_path / "other"
    other.mkdir()
    enroll(other / "device.json", parts={}, now=NOW, issuers=[ISSUER.public])
    for changed, of, why in (
        ({}, other / "device.json", "is for the key"),
        ({"expires": NOW - timedelta(days=1)}, device, "expired: the license"),
    ):
        path = licensed(device, **changed)
        assert why in refused(bundle.folder, "--license", path, "--device", of)
    assert "is in no bundle" in refused(tmp_path / "bare", "--license", licensed(device), "--device", device)


def test_renewed_and_revoked_while_it_serves(bundle: Bundle, device: Path, tmp_path: Path) -> None:
    listed = tmp_path / "revoked.json"
    revoke(listed, ISSUER, [], now=NOW)
    path = licensed(device, max_calls=5)
    with serving(bundle.folder, "--license", path, "--device", device, "--revocations", listed) as served:
        assert infer(served, rows=5)[0] == 200
        assert infer(served)[0] == 403
        licensed(device, max_calls=10, sequence=2)
        served.process.send_signal(signal.SIGHUP)
        assert _in_time(lambda: infer(served)[0] == 200)
        revoke(listed, ISSUER, ["L-1"], now=NOW, why="contract ended")
        assert _in_time(lambda: "contract ended" in str(infer(served)[2]))
        assert infer(served)[0] == 403


def _in_time(done: Any) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if done():
            return True
        time.sleep(0.2)
    return False
