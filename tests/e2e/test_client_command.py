"""`seatrial client` against a server process over a real model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.serve_process import serving

pytestmark = pytest.mark.slow


def _ask(*words: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", "client", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_server_is_asked_from_the_shell(digits: Path, tmp_path: Path) -> None:
    with np.load(digits / "held_out.npz", allow_pickle=False) as held_out:
        images = held_out["image"][:3]
    np.savez(tmp_path / "inputs.npz", image=images.astype("float32"))
    (tmp_path / "one.json").write_text(json.dumps({"inputs": {"image": images[0].tolist()}}))
    with serving(f"digits={digits / 'model'}") as served:
        url = f"http://{served.address}"
        assert _ask("ready", url, "digits").stdout == "ready\n"
        assert json.loads(_ask("show", url, "digits").stdout)["name"] == "digits"
        asked = _ask("infer", url, "digits", tmp_path / "inputs.npz", "-o", tmp_path / "outputs.npz")
        assert asked.returncode == 0, asked.stderr
        with np.load(tmp_path / "outputs.npz") as outputs:
            assert {each.shape[0] for each in outputs.values()} == {3}
        asked = _ask("predict", url, "digits", tmp_path / "one.json")
        assert asked.returncode == 0, asked.stderr
        assert json.loads(asked.stdout)["answer"]
        asked = _ask("predict", url, "nobody", "--text", "x")
        assert asked.returncode == 2
        assert "nobody" in asked.stderr
    gone = _ask("ready", url, "--retries", 0)
    assert (gone.returncode, gone.stdout) == (5, "not ready\n")
