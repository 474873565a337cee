"""A device whose key is in a TPM: here a simulated one (Debian: swtpm, tpm2-tools)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.errors import MissingDependency, Unavailable
from seatrial.trust.refusals import Replayed, WrongMachine
from seatrial.trust.tpm import Ran, Tpm, TpmAnchor, run_tool
from support.licensing import Office

needed = pytest.mark.skipif(
    not all(shutil.which(each) for each in ("swtpm", "tpm2_unseal")),
    reason="swtpm and tpm2-tools are not installed (apt-get install swtpm tpm2-tools)",
)


def free_ports() -> int:
    """A port whose neighbor is free as well."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return int(port)
    pytest.fail("no two free ports side by side")


@pytest.fixture
def chips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of two chips; the first is this machine's."""
    running, addresses = [], []
    for name in ("one", "two"):
        folder, port = tmp_path / name, free_ports()
        folder.mkdir()
        words = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "startup-clear"]
        ports = ["--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}"]
        running.append(subprocess.Popen([*words, *ports]))
        addresses.append(f"swtpm:host=127.0.0.1,port={port}")
    monkeypatch.setenv("TPM2TOOLS_TCTI", addresses[0])
    for _ in range(100):
        if not run_tool(["tpm2_getcap", "properties-fixed"], b"").returncode:
            break
        time.sleep(0.05)
    yield addresses
    for each in running:
        each.terminate()
        each.wait()


@pytest.mark.slow
@needed
def test_a_device_in_a_chip(chips: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.enroll({"machine-id": "x"}, tpm=Tpm())
    device = office.device()
    assert device.told.strength == "tpm"
    assert device.anchored == "tpm"
    path = office.license(device=device, max_calls=30_000)
    shutil.copy(tmp_path / "device.state", tmp_path / "old")
    guard = office.guard(path)
    guard.take(20_000)
    guard.close()
    assert office.guard(path).calls_left == 10_000

    shutil.copy(tmp_path / "old", tmp_path / "device.state")
    with pytest.raises(Replayed, match="older copy"):
        office.guard(path)

    monkeypatch.setenv("TPM2TOOLS_TCTI", chips[1])
    with pytest.raises(WrongMachine, match="the TPM of this machine did not seal"):
        office.device()


class Chip:
    """What the tools would say of a counter."""

    def __init__(self) -> None:
        self.value, self.there = 7, True
        self.ran: list[list[str]] = []

    def __call__(self, words: list[str], given: bytes) -> Ran:
        self.ran.append(words)
        if words[0] == "tpm2_nvincrement":
            self.value += 1
        answer = self.value.to_bytes(8, "big") if words[0] == "tpm2_nvread" else b""
        return Ran(words, 0 if self.there else 1, answer, b"WARN: a\nERROR: no such index\n")


def test_a_counter_only_grows() -> None:
    chip = Chip()
    anchor = TpmAnchor(Tpm(chip), 0x01500000)
    anchor.advance(6)
    assert anchor.read() == 7
    anchor.advance(8)
    assert anchor.read() == 8
    with pytest.raises(Exception, match="92 behind"):
        anchor.advance(100)
    chip.there = False
    with pytest.raises(Replayed, match="no such index"):
        anchor.read()


def test_a_secret_never_stands_in_a_command() -> None:
    chip = Chip()
    secret = b"0123456789abcdef0123456789abcdef"
    with pytest.raises(FileNotFoundError):  # nothing wrote what the tool would have written
        Tpm(chip).seal(secret)
    assert not any(secret.decode() in word or secret.hex() in word for words in chip.ran for word in words)


def test_no_tpm() -> None:
    chip = Chip()
    chip.there = False
    with pytest.raises(Unavailable, match="tpm2_createprimary failed: ERROR: no such index"):
        Tpm(chip).seal(b"x")


def test_no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependency, match="tpm2_nvread is not installed"):
        Tpm().count(1)
