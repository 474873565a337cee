"""The digits as pictures are the digits as arrays, so that both forms are judged alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seatrial.contract import load_contract, read_held_out

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def test_the_contract_makes_the_arrays_of_the_pictures(digits: Path, tmp_path: Path) -> None:
    for name in ("held_out.npz", "members.npz"):
        shutil.copy(digits / name, tmp_path)
    draw = ROOT / "examples" / "digits" / "pictures.py"
    subprocess.run([sys.executable, str(draw), str(tmp_path)], check=True)
    contract = load_contract(ROOT / "examples" / "digits" / "pictures.contract.yaml")
    samples = read_held_out(tmp_path / "pictures" / "held_out", contract=contract).samples
    with np.load(digits / "held_out.npz") as arrays:
        expected, labels = arrays["image"], arrays["label"]
    found = np.concatenate([contract.prepare(each.payload)[0]["image"] for each in samples])
    np.testing.assert_allclose(found, expected, atol=1.01 / 255)
    assert [each.label for each in samples] == labels.tolist()
    kinds = [each.slices["kind"] for each in samples]
    assert {"plain", "cut-out", "turned"} == set(kinds)
