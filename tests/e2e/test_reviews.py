"""A Chinese text model's whole road: trained on the spot, its contract tried, put through the gate."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seatrial.contract import load_contract, read_held_out
from seatrial.model import open_model
from seatrial.runtimes import open_session

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def release(tmp_path: Path, reviews: Path) -> Path:
    """A copy of the model with its contract."""
    shutil.copytree(reviews / "model", tmp_path / "model")
    shutil.copy(ROOT / "examples" / "reviews" / "contract.yaml", tmp_path / "model")
    return tmp_path / "model"


def texts(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]


def test_no_text_is_held_out_and_learned_or_there_twice(reviews: Path) -> None:
    held_out, members = (texts(reviews / f"{name}.jsonl") for name in ("held_out", "members"))
    assert len(set(held_out)) == len(held_out) >= 600
    assert not set(held_out) & set(members)


def test_the_contract_prepares_as_the_training_did(release: Path, reviews: Path) -> None:
    contract = load_contract(release / "contract.yaml")
    samples = read_held_out(reviews / "held_out.jsonl", contract=contract).samples
    with np.load(reviews / "training_side.npz") as arrays:
        expected = arrays["probabilities"]
    with open_session(open_model(release), "paddle") as session:
        found = [session.run(contract.prepare(each.payload)[0])[0][0] for each in samples[:60]]
    np.testing.assert_allclose(found, expected[:60], atol=1e-4)


def test_the_gate_says_yes(release: Path, reviews: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", "check", str(release)]
    data = ["--data", str(reviews / "held_out.jsonl"), "--members", str(reviews / "members.jsonl")]
    done = subprocess.run(
        [*command, *data, "-o", str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
