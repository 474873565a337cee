"""Both ways with OpenSSF's own tool: it takes our signatures and we take its; neither takes what was changed.

The tool and what it needs stand in an environment of their own, made once a machine under `SEATRIAL_SIDE`.
Where it cannot be made, the tests say so and are skipped. Its command wants options with underscores
(`--private_key`).
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.errors import TrustError
from seatrial.trust.keys import new_key, save
from seatrial.trust.openssf import NAME, sign_openssf, verify_openssf
from support.side import SIDE
from support.signed_bundles import GRAPH, MODEL, small_bundle

pytestmark = pytest.mark.slow

TOOL = ("model-signing==1.1.1", "pyopenssl==26.4.0")  # it imports pyopenssl without asking for it


@pytest.fixture(scope="session")
def tool() -> Path:
    """The program `model_signing`."""
    folder = SIDE / "peers" / "model-signing"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "venv" / "bin" / "model_signing"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], check=True)
            pip = [str(folder / "venv" / "bin" / "pip"), "install", "--quiet", *TOOL]
            done = subprocess.run(pip, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"{TOOL[0]} cannot be installed here: {done.stderr[-300:]}")
    return program


def run(tool: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tool), *map(str, words)], capture_output=True, text=True)


def test_the_tool_takes_our_signature_and_not_changed_bytes(tool: Path, tmp_path: Path) -> None:
    key = new_key("p256")
    _, public = save(key, tmp_path / "k", passphrase=None)
    bundle = small_bundle(tmp_path / "bundle")
    path = sign_openssf(bundle, key)

    def verify() -> subprocess.CompletedProcess[str]:
        return run(tool, "verify", "key", bundle.folder, "--signature", path, "--public_key", public)

    assert verify().returncode == 0, verify().stderr
    (bundle.folder / MODEL).write_bytes(GRAPH[::-1])
    assert verify().returncode == 1
    assert "Hash mismatch" in verify().stdout + verify().stderr


def test_we_take_its_signature_and_not_changed_bytes(tool: Path, tmp_path: Path) -> None:
    key = new_key("p256")
    secret, _ = save(key, tmp_path / "k", passphrase=None)
    folder = small_bundle(tmp_path / "bundle").folder
    path = folder / "model.sig"
    done = run(tool, "sign", "key", folder, "--signature", path, "--private_key", secret)
    assert done.returncode == 0, done.stderr
    signed = verify_openssf(folder, key.public, signature=path)
    assert (signed.name, signed.files) == ("bundle", 4)
    (folder / MODEL).write_bytes(GRAPH[::-1])
    with pytest.raises(TrustError, match=r"^changed: models/onnx"):
        verify_openssf(folder, key.public, signature=path)


def test_its_signature_beside_ours_in_the_same_folder(tool: Path, tmp_path: Path) -> None:
    key = new_key("p256")
    secret, _ = save(key, tmp_path / "k", passphrase=None)
    folder = small_bundle(tmp_path / "bundle").folder
    (folder / "signatures").mkdir()
    words = ("--signature", folder / NAME, "--private_key", secret, "--ignore-paths", folder / "signatures")
    done = run(tool, "sign", "key", folder, *words)
    assert done.returncode == 0, done.stderr
    assert verify_openssf(folder, key.public).ignored == ()


def test_neither_takes_another_key(tool: Path, tmp_path: Path) -> None:
    key = new_key("p256")
    _, public = save(new_key("p256"), tmp_path / "other", passphrase=None)
    bundle = small_bundle(tmp_path / "bundle")
    path = sign_openssf(bundle, key)
    words = ("--signature", path, "--public_key", public)
    assert run(tool, "verify", "key", bundle.folder, *words).returncode == 1
