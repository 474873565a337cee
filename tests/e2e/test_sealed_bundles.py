"""Sealed bundles as their receiver uses them: inferred on, served, updated - and never plain on a disk."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from seatrial.model.bundle import Bundle, open_bundle
from seatrial.trust.holders import load_holder
from seatrial.trust.sealing import seal
from support.disk_watch import DiskWatch
from support.handovers import network_bundle
from support.serve_process import Served, serving

pytestmark = pytest.mark.slow
PASSPHRASE = "open sesame"


def seatrial(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with network-1.0.0, customer.key, passphrase.txt, other.key and network-sealed."""
    folder = tmp_path_factory.mktemp("desk")
    network_bundle(folder)
    (folder / "passphrase.txt").write_text(f"{PASSPHRASE}\n")
    made = [
        seatrial("keys", "holder", "-o", "customer", "--passphrase-file", "passphrase.txt", cwd=folder),
        seatrial("keys", "holder", "-o", "other", "--no-passphrase", cwd=folder),
        seatrial("seal", "network-1.0.0", "--for", "customer.pub", "-o", "network-sealed", cwd=folder),
    ]
    assert [each.returncode for each in made] == [0, 0, 0], made
    assert "3 files sealed" in made[2].stdout
    return folder


def secrets_of(folder: Path) -> list[bytes]:
    """Windows of 16 bytes, all over the models of a plain bundle; those that say little are left out."""
    windows = []
    for entry in open_bundle(folder).manifest.of_role("model"):
        data = (folder / entry.path).read_bytes()
        windows += [data[at : at + 16] for at in range(0, len(data) - 16, 64)]
    return [each for each in windows if len(set(each)) > 10]


def key_options(desk: Path) -> list[str | Path]:
    return ["--unseal-key", desk / "customer.key", "--passphrase-file", desk / "passphrase.txt"]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_nothing_plain_touches_a_disk(desk: Path, tmp_path: Path, runtime: str) -> None:
    secrets = secrets_of(desk / "network-1.0.0")
    assert len(secrets) > 50
    homes = {name: tmp_path / name for name in ("home", "temporary", "here")}
    for each in homes.values():
        each.mkdir()
    environment = {
        "HOME": str(homes["home"]),
        "XDG_CACHE_HOME": str(homes["home"] / "cache"),
        "TMPDIR": str(homes["temporary"]),
    }
    sample = desk / "network-1.0.0/samples/000.npy"
    options = [*key_options(desk), "--runtime", runtime]
    with DiskWatch(homes.values()) as watch:
        # The watch sees what is to be seen: a plain copy is found.
        shutil.copy(desk / "network-1.0.0/models/onnx/net.onnx", homes["here"] / "plain.onnx")
        time.sleep(0.2)
        (homes["here"] / "plain.onnx").unlink()
        done = seatrial("infer", desk / "network-sealed", sample, *options, cwd=homes["here"], **environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"]["class"] in ("north", "east", "south", "west")
    assert watch.holding(secrets) == [homes["here"] / "plain.onnx"]
    assert any("seatrial-memory-" in str(each) for each in watch.seen)  # the contract's copy was seen
    assert not list(homes["temporary"].glob("seatrial-memory-*"))


def test_system_calls_write_nothing_plain(desk: Path, tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed (Debian: strace)")
    log, sample = tmp_path / "log", desk / "network-1.0.0/samples/000.npy"
    command = [
        "strace", "-f", "-qq", "-y", "-xx", "-s", "65536", "-o", str(log),
        "-e", "trace=write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice",
        sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", "infer", str(desk / "network-sealed"),
        str(sample), *map(str, key_options(desk)), "--runtime", "onnxruntime",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("this machine does not let processes be traced")
    assert done.returncode == 0, done.stderr
    written = log.read_text("ascii", "replace")
    assert written
    escaped = ["".join(f"\\x{byte:02x}" for byte in each) for each in secrets_of(desk / "network-1.0.0")]
    assert not [each for each in escaped if each in written]


def test_the_key_must_be_the_right_one(desk: Path) -> None:
    sample = desk / "network-1.0.0/samples/000.npy"
    asked = ("infer", "network-sealed", sample, "--runtime", "onnxruntime")
    without = seatrial(*asked, cwd=desk)
    assert without.returncode == 2
    assert "network@1.0.0 is sealed" in without.stderr
    other = seatrial(*asked, "--unseal-key", "other.key", cwd=desk)
    assert other.returncode == 4
    assert "wrong key: network@1.0.0 was sealed for" in other.stderr
    locked = seatrial(*asked, "--unseal-key", "customer.key", cwd=desk)
    assert locked.returncode == 2
    assert "passphrase" in locked.stderr
    by_environment = [*asked, "--unseal-key", "customer.key", "--passphrase-env", "SESAME"]
    assert seatrial(*by_environment, cwd=desk, SESAME=PASSPHRASE).returncode == 0
    wrong = seatrial(*by_environment, cwd=desk, SESAME="close sesame")
    assert wrong.returncode == 4
    assert PASSPHRASE not in wrong.stderr + locked.stderr


def test_a_terminated_command_leaves_nothing(desk: Path, tmp_path: Path) -> None:
    sample = desk / "network-1.0.0/samples/000.npy"
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", "infer", desk / "network-sealed"]
    inputs = [sample] * 20_000
    with subprocess.Popen(
        [*command, *inputs, *key_options(desk), "--runtime", "onnxruntime"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert list(tmp_path.glob("seatrial-memory-*"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.glob("seatrial-memory-*"))


def ask(server: Served, desk: Path, place: int = 0, version: str = "") -> list[float]:
    array = np.load(desk / f"network-1.0.0/samples/{place:03}.npy").reshape(1, 1, 8, 8)
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": array.ravel().tolist()}
    path = f"/v2/models/network{version and '/versions/'}{version}/infer"
    status, answer = server.ask("POST", path, json.dumps({"inputs": [tensor]}).encode())
    assert status == 200, answer
    scores: list[float] = answer["outputs"][0]["data"]
    return scores


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def held(process: int) -> int:
    """Files in memory that a process holds for sealed models."""
    found = set()
    for each in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(each.readlink()) == "/memfd:seatrial (deleted)":
                found.add(each.stat().st_ino)
    return len(found)


def workers(server: Served) -> list[psutil.Process]:
    """Engines: children of the process that forks them."""
    below = psutil.Process(server.process.pid).children()
    return [worker for zygote in below for worker in zygote.children()]


def sealed_version(desk: Path, folder: Path, version: str, seed: int) -> Bundle:
    name = f".made-{version}"
    bundle = network_bundle(folder / name, f"network-{version}", seed=seed, version=version)
    return seal(bundle, folder / f"ready-{version}", [load_holder(desk / "customer.pub")])


def test_it_is_served_from_memory_and_survives_its_engine(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's answers are made up in its test cases, so those are not asked for."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    config = tmp_path / "serve.yaml"
    config.write_text(
        f"models:\n  network:\n    path: {desk / 'network-sealed'}\n    golden: 'off'\n"
        f"    options: {{runtime: onnxruntime}}\n"
        f"unseal:\n  key: {desk / 'customer.key'}\n  passphrase_file: {desk / 'passphrase.txt'}\n"
    )
    plain = config.with_name("plain.yaml")
    plain.write_text(config.read_text().replace("network-sealed", "network-1.0.0"))
    with serving("--config", plain) as server:
        expected = ask(server, desk)
    with serving("--config", config) as server:
        assert "unsealed in memory" in server.said
        assert held(server.process.pid) == 1  # of three sealed files: the one of this runtime
        assert ask(server, desk) == expected
        (worker,) = workers(server)
        worker.send_signal(signal.SIGSEGV)
        worker.wait(30)
        until(lambda: server.ask("GET", "/v2/models/network/ready")[0] == 200)
        assert ask(server, desk) == expected
        status, _ = server.ask("POST", "/v2/repository/models/network/unload", b"{}")
        assert status == 200
        until(lambda: held(server.process.pid) == 0)
        status, _ = server.ask("POST", "/v2/repository/models/network/load", b"{}")
        assert status == 200
        assert ask(server, desk) == expected
        assert held(server.process.pid) == 1
    assert not list(tmp_path.glob("seatrial-memory-*"))


def test_versions_are_exchanged_while_it_serves(desk: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "network"
    shelf.mkdir()
    sealed_version(desk, tmp_path, "1.0.0", 7).folder.rename(shelf / "1.0.0")
    config = tmp_path / "serve.yaml"
    config.write_text(
        f"watch_seconds: 0.2\nmodels:\n  network:\n    path: {shelf}\n    golden: 'off'\n"
        "    options: {runtime: onnxruntime}\n"
    )
    with serving("--config", config, *key_options(desk)) as server:
        before = ask(server, desk)
        sealed_version(desk, tmp_path, "2.0.0", 8).folder.rename(shelf / "2.0.0")
        until(lambda: server.ask("GET", "/v2/models/network")[1]["versions"] == ["2.0.0"])
        assert ask(server, desk) != before
        until(lambda: held(server.process.pid) == 1)  # the memory of the first version was given back


def test_without_a_key_it_is_not_served(desk: Path) -> None:
    done = seatrial("serve", "network-sealed", "--port", "0", cwd=desk)
    assert done.returncode == 2
    assert "network@1.0.0 is sealed" in done.stderr


@pytest.mark.parametrize("runtime", ["paddle", "onnxruntime", "openvino"])
def test_a_real_model_answers_the_same_sealed_as_plain(digits: Path, tmp_path: Path, runtime: str) -> None:
    from seatrial.converters import convert
    from seatrial.model import open_model
    from seatrial.runtimes import open_session
    from seatrial.trust.holders import new_holder
    from seatrial.trust.unsealing import content_key_of, unsealed
    from support.sealed import bundle_of

    model = open_model(digits / "model")
    if runtime != "paddle":
        model = convert(model, "onnx", tmp_path / "onnx").artifact
    holder = new_holder()
    sealed = seal(bundle_of(model, tmp_path / "plain"), tmp_path / "sealed", [holder.public_key()])
    with np.load(digits / "held_out.npz") as arrays:
        rows = arrays["x"][:8] if "x" in arrays.files else next(iter(arrays.values()))[:8]
    feeds = {model.inputs[0].name: rows.astype("float32").reshape(8, *model.inputs[0].shape[1:])}
    with open_session(model, runtime) as session:
        expected = session.run(feeds)
    with unsealed(sealed, content_key_of(sealed, holder)) as opened:
        artifact = opened.bundle.artifact(opened.bundle.manifest.models[0])
        with open_session(artifact, runtime) as session:
            for mine, theirs in zip(session.run(feeds), expected, strict=True):
                np.testing.assert_array_equal(mine, theirs)
            assert session.exercise.operators or runtime == "onnxruntime"
