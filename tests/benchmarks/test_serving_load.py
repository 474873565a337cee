"""The load generator against a server whose speed is known."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.served import Rest, infer_body, loaded, rest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="the load generator is compiled with g++"),
]


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(__file__).resolve().parents[2] / "benchmarks" / "serving" / "load.cpp"
    target = tmp_path_factory.mktemp("load") / "load"
    subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-o", target, source], check=True)
    return target


async def asked(load: Path, server: Rest, *words: str, body: bytes = b"") -> Any:
    path = load.parent / "body.json"
    path.write_bytes(body or json.dumps(infer_body(1.5)).encode())
    process = await asyncio.create_subprocess_exec(
        load, "--port", str(server.port), "--path", "/v2/models/double/infer", "--body", path, *words,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(said)


def schedule(load: Path, *words: str) -> list[float]:
    command = [load, "--schedule", *words]
    return [float(each) for each in subprocess.run(command, capture_output=True, check=True).stdout.split()]


async def test_a_closed_loop_keeps_each_client_busy(load: Path) -> None:
    model, _ = await loaded(seconds=0.02, max_batch_size=8)
    async with rest(model) as server:
        found = await asked(load, server, "--connections", "8", "--seconds", "1", "--warm", "0.3")
    assert found["status"] == {"200": found["answered"]["count"]}
    assert found["answered"]["p50_ms"] >= 20
    # Little's law: clients = rate x time in the system.
    assert found["rps"] * found["answered"]["mean_ms"] / 1e3 == pytest.approx(8, rel=0.15)


async def test_an_open_loop_counts_from_when_a_request_was_due(load: Path) -> None:
    """One connection and 50 ms a request: 20 a second; 40 are due, so each waits longer than the last."""
    model, _ = await loaded(seconds=0.05, max_batch_size=1)
    words = ["--connections", "1", "--rate", "40", "--seconds", "1.5", "--warm", "0", "--drain", "5"]
    async with rest(model) as server:
        found = await asked(load, server, *words)
    assert found["answered"]["p50_ms"] > 200
    assert found["answered"]["max_ms"] > 500
    assert found["unfinished"] == 0
    assert found["rps"] < 25  # what came in time
    assert found["backlog"] > 10


async def test_what_is_refused_and_what_is_wrong_are_told_apart(load: Path) -> None:
    model, _ = await loaded(seconds=0.3, max_batch_size=1, max_queue_size=1)
    words = ["--connections", "4", "--seconds", "0.8", "--warm", "0", "--expect", "no such answer"]
    async with rest(model) as server:
        found = await asked(load, server, *words)
    assert found["status"]["503"] == found["refused"]["count"] > 0
    assert found["refused"]["p50_ms"] < 100
    assert found["unexpected"] == found["answered"]["count"] > 0


def test_the_same_seed_is_due_at_the_same_times(load: Path) -> None:
    words = ["--rate", "500", "--seconds", "20", "--warm", "1", "--seed"]
    first = schedule(load, *words, "3")
    assert first == schedule(load, *words, "3") != schedule(load, *words, "4")
    gaps = np.diff([0.0, *first])
    assert min(gaps) >= 0
    assert len(first) == pytest.approx(500 * 21, abs=5 * (500 * 21) ** 0.5)  # Poisson: 5 standard deviations
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)  # of an exponential they are the same


@pytest.mark.parametrize(
    "words",
    [["--port", "0"], ["--port", "80", "--seconds", "1e9"], ["--port", "80", "--host", "example.org"]],
    ids=["no port", "for ever", "another machine"],
)
def test_what_is_not_bounded_is_refused(load: Path, words: list[str]) -> None:
    assert subprocess.run([load, *words], capture_output=True, check=False).returncode == 2
