"""Versions of a real model come, fail and go under load, and no request fails or changes its version."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from seatrial.contract import Case, Cases, Tolerance, load_contract, read_cases, write_cases
from seatrial.model import open_model, rewrite
from seatrial.runtimes import open_session
from support.serve_process import Served, serving

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


class Releases:
    """A folder of versions of the digits model; version `n` adds `n` to one class."""

    def __init__(self, folder: Path, digits: Path) -> None:
        self.folder, self.digits = folder, digits
        folder.mkdir()
        shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", folder)
        self.contract = load_contract(folder / "contract.yaml")
        with np.load(digits / "held_out.npz") as arrays:
            self.image = arrays["image"][:4].astype("float32")
        self.expected: dict[str, Any] = {}

    def put(self, version: str, *, cases: bool = True, wrong: float = 0.0) -> None:
        """Writes a version elsewhere, then moves it in; `wrong`: how far its test cases are off."""
        original = open_model(self.digits / "model")
        bias = np.zeros(10, "float32")
        bias[int(version) % 10] = float(version)
        new = self.folder / f".{version}"
        rewrite(original, new, tensors={"linear_1.b_0": bias})
        with open_session(open_model(new)) as session:
            rows = [{"image": self.image[row : row + 1]} for row in range(len(self.image))]
            answers = [session.run(each)[0] for each in rows]
        self.expected[version] = np.concatenate(answers)
        if cases:
            name = original.outputs[0].name
            pairs = [Case(feeds, {name: got + wrong}) for feeds, got in zip(rows, answers, strict=True)]
            write_cases(new / "test_cases", Cases(tuple(pairs), Tolerance(atol=1e-5)))
        new.rename(self.folder / version)


@dataclass
class Load:
    """What clients saw: statuses, versions, and answers that were not of the version that they named."""

    statuses: list[int] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    mixed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def loaded(served: Served, releases: Releases, clients: int = 6) -> Iterator[Load]:
    """Keeps asking over kept connections, until the end of the block."""
    load, stop = Load(), threading.Event()

    def client(row: int) -> None:
        connection = http.client.HTTPConnection(served.address, timeout=30)
        image = releases.image[row]
        shape, data = [1, *image.shape], image.ravel().tolist()
        entry = {"name": "image", "datatype": "FP32", "shape": shape, "data": data}
        body = json.dumps({"inputs": [entry]}).encode()
        predict = json.dumps({"inputs": {"image": image.tolist()}}).encode()
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                if turn % 3:
                    connection.request("POST", "/v2/models/digits/infer", body)
                else:
                    connection.request(
                        "POST", "/v1/models/digits/predict", predict, {"Content-Type": "application/json"}
                    )
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except OSError as error:
                load.errors.append(repr(error))
                return
            load.statuses.append(answer.status)
            if answer.status == 200 and turn % 3:
                version = told["model_version"]
                load.versions[version] = load.versions.get(version, 0) + 1
                got = np.array(told["outputs"][0]["data"], "float32")
                if not np.allclose(got, releases.expected[version][row], atol=1e-4):
                    load.mixed.append(version)
        connection.close()

    threads = [threading.Thread(target=client, args=(each % 4,)) for each in range(clients)]
    for each in threads:
        each.start()
    try:
        yield load
    finally:
        stop.set()
        for each in threads:
            each.join(60)


def until(served: Served, state: Mapping[str, str], seconds: float = 60) -> list[Any]:
    """Waits for the index to say so of each version; returns it."""
    end = time.monotonic() + seconds
    while True:
        index = served.ask("POST", "/v2/repository/index", b"")[1]
        if {each["version"]: each["state"] for each in index} == state:
            return list(index)
        assert time.monotonic() < end, index
        time.sleep(0.1)


@pytest.fixture
def releases(tmp_path: Path, digits: Path) -> Releases:
    made = Releases(tmp_path / "digits", digits)
    made.put("1")
    return made


@pytest.mark.parametrize("fronts", [1, 2])
def test_three_updates_under_load_fail_nobody(releases: Releases, fronts: int) -> None:
    with serving(releases.folder, "--watch-seconds", 0.3, "--fronts", fronts) as served:
        with loaded(served, releases) as load:
            for version in ("2", "3", "4"):
                releases.put(version)
                until(served, {version: "READY"})
                time.sleep(0.3)
        engines = psutil.Process(served.process.pid).children(recursive=True)
    assert not load.errors
    assert set(load.statuses) == {200}
    assert not load.mixed
    assert set(load.versions) == {"1", "2", "3", "4"}
    assert len(load.statuses) > 200
    assert len(engines) <= 2 + (fronts if fronts > 1 else 0)  # its engine, what it is forked from


def test_the_example_of_the_docs_writes_cases_that_are_required(digits: Path, tmp_path: Path) -> None:
    shutil.copytree(digits / "model", tmp_path / "model")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "model")
    shutil.copy(digits / "held_out.npz", tmp_path)
    page = (ROOT / "docs" / "how-to" / "serve-versions.md").read_text("utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    command = [sys.executable, "-W", "ignore", "-c", program]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert len(read_cases(tmp_path / "model" / "test_cases").cases) == 10
    config = tmp_path / "serve.yaml"
    config.write_text("models: {digits: {path: model, golden: required}}")
    with serving("--config", config) as served:
        assert served.ask("GET", "/v2/models/digits/ready")[0] == 200


def test_a_version_that_fails_its_golden_test_takes_no_traffic(releases: Releases) -> None:
    with serving(releases.folder) as served:
        with loaded(served, releases, clients=2) as load:
            releases.put("2", wrong=0.25)
            status, told = served.ask("POST", "/v2/repository/models/digits/load", b"")
            assert status == 400
            assert "golden test: 4 of 4 cases failed; case 0: output 'fetch_name_0' differs" in told["error"]
            assert "by 0.25" in told["error"]
            index = until(served, {"1": "READY", "2": "UNAVAILABLE"})
            assert "golden test" in index[1]["reason"]
            (releases.folder / "3").mkdir()
            shutil.copy(releases.folder / "1" / "inference.json", releases.folder / "3")  # and no weights
            served.process.send_signal(signal.SIGHUP)
            until(served, {"1": "READY", "2": "UNAVAILABLE", "3": "UNAVAILABLE"})
        assert set(load.statuses) == {200}
        assert set(load.versions) == {"1"}


def test_sighup_reads_the_settings_again(releases: Releases, tmp_path: Path) -> None:
    releases.put("2", cases=False)
    config = tmp_path / "serve.yaml"

    def write(golden: str, **aliases: int) -> None:
        model = {"path": str(releases.folder), "golden": golden, "aliases": aliases}
        config.write_text(json.dumps({"models": {"digits": model}}))  # JSON is YAML

    write("auto", stable=1)
    with serving("--config", config) as served:
        until(served, {"1": "READY", "2": "READY"})
        with loaded(served, releases, clients=2) as load:
            write("auto", stable=2)
            served.process.send_signal(signal.SIGHUP)
            until(served, {"2": "READY"})
            assert served.ask("GET", "/v2/models/digits/versions/stable")[0] == 200
            config.write_text("models: [")
            served.process.send_signal(signal.SIGHUP)
            write("required", stable=2)
            served.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 60
            while "no folder test_cases" not in until(served, {"2": "READY"})[0]["reason"]:
                assert time.monotonic() < end
                time.sleep(0.1)
        assert set(load.statuses) == {200}


def test_memory_comes_back_when_models_are_loaded_and_unloaded(releases: Releases) -> None:
    with serving(releases.folder) as served:
        front = psutil.Process(served.process.pid)

        def cycle() -> None:
            assert served.ask("POST", "/v2/repository/models/digits/unload", b"")[0] == 200
            until(served, {"": "UNAVAILABLE"})
            assert served.ask("POST", "/v2/repository/models/digits/load", b"")[0] == 200

        def resident() -> float:
            return front.memory_info().rss / 2**20

        for _ in range(5):
            cycle()
        before, children = resident(), len(front.children(recursive=True))
        for _ in range(20):
            cycle()
        assert resident() - before < 10
        assert len(front.children(recursive=True)) == children
