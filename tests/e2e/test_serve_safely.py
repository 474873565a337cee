"""Keys, certificates of both sides and fronts of their own on a real model, as a user sets them up."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.certificates import Authority, Pair
from support.serve_process import CLI

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

SETTINGS = """
port: 0
fronts: 2
models: {digits: {path: digits}}
access: {keys: keys.yaml, certificate: server.pem, key: server.key, client_authority: authority.pem}
limits: {body_mebibytes: 4}
log: {requests: requests.log}
"""


def made(folder: Path, *words: str) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", "api-key", "new"]
    done = subprocess.run(
        [*command, folder / "keys.yaml", *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def asker(address: str, authority: Authority, own: Pair | None) -> Any:
    context = ssl.create_default_context(cafile=authority.own.certificate)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)

    def ask(method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        connection = http.client.HTTPSConnection(address, context=context, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    return ask


def test_keys_certificates_and_fronts(tmp_path: Path, digits: Path) -> None:
    shutil.copytree(digits / "model", tmp_path / "digits")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "digits")
    (tmp_path / "serve.yaml").write_text(SETTINGS)
    authority = Authority(tmp_path)
    authority.signs("server")
    camera = authority.signs("camera")
    shop, other = made(tmp_path, "--name", "shop"), made(tmp_path, "--name", "other", "--model", "else")
    process = subprocess.Popen(
        [*CLI, "--config", tmp_path / "serve.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONUNBUFFERED": "1", "PATH": ""},
    )
    try:
        assert process.stdout is not None
        line = next(each for each in process.stdout if each.startswith("ready: https://"))
        address = line.partition("https://")[2].partition("/")[0]
        ask = asker(address, authority, camera)
        image = np.zeros((1, 1, 8, 8)).tolist()
        body = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": image}]}
        infer = "/v2/models/digits/infer"
        for _ in range(4):  # whichever front the kernel chooses
            assert ask("GET", "/v2/health/ready") == (200, {"ready": True})
            assert ask("POST", infer, body)[0] == 401
            assert ask("POST", infer, body, other)[0] == 403
            status, answer = ask("POST", infer, body, shop)
            assert status == 200, answer
            assert len(answer["outputs"][0]["data"]) == 10
            assert ask("POST", infer, {"inputs": []}, shop)[0] == 400
        with pytest.raises((OSError, http.client.HTTPException)):
            asker(address, authority, None)("GET", "/v2/health/live")
    finally:
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    log = (tmp_path / "requests.log").read_text()
    clients = [json.loads(each)["client"] for each in log.splitlines()]
    assert {"shop", "camera"} <= set(clients)
    for secret in (shop, other):
        assert secret not in log + complaints
