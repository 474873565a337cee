"""Consistency on the digits model: good it passes, each export fault is named (F10, F17, F18, F19, F26)."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from seatrial.checks._finding import Verdict
from seatrial.checks._profile import Profile
from seatrial.checks._trial import Baseline, Trial
from seatrial.checks.consistency import CHECK
from seatrial.contract import load_contract, read_held_out
from seatrial.converters import convert
from seatrial.model import open_model
from seatrial.runtimes import Pool

pytestmark = pytest.mark.slow
CONTRACT = Path(__file__).resolve().parents[2] / "examples/digits/contract.yaml"
PROFILE = Profile("test", "auto", ("paddle",), frozenset())


def run(folder, digits, scratch, *, profile=PROFILE, baseline=None):
    """Findings by short id, with the trial's artifact and digests for a baseline."""
    artifact = open_model(folder)
    contract = load_contract(CONTRACT)
    held_out = read_held_out(digits / "held_out.npz", contract=contract)
    pool = Pool(artifact, convert=lambda name: convert(artifact, name, scratch / name).artifact)
    scratch.mkdir(parents=True, exist_ok=True)
    trial = Trial(artifact, contract, held_out, profile, pool, baseline, False, 7, scratch, ())
    with pool:
        found = {each.id.removeprefix("consistency."): each for each in CHECK.run(trial)}
        assert CHECK.control(trial).rejected
    return trial, found


def edited(digits, folder, *, graph=None, weights=None):
    """A copy of the model with its graph (a function of the ops) or one tensor edited."""
    shutil.copytree(digits / "model", folder)
    if graph is not None:
        path = folder / "inference.json"
        data = json.loads(path.read_text("utf-8"))
        touched = [graph(op) for op in data["program"]["regions"][0]["blocks"][0]["ops"]]
        assert any(touched), "the fault found nothing to break"
        path.write_text(json.dumps(data), "utf-8")
    for index, edit in (weights or {}).items():
        at = [each for each in open_model(folder).parameters if len(each.shape) > 1][index]
        raw = bytearray(at.file.read_bytes())
        old = np.frombuffer(bytes(raw), "<f4", at.nbytes // 4, at.offset).reshape(at.shape).copy()
        raw[at.offset : at.offset + at.nbytes] = edit(old).astype("<f4").tobytes()
        at.file.write_bytes(raw)
    return folder


def training_mode(operator, *attributes):
    def edit(op):
        if not op["#"].endswith(operator):
            return False
        for each in op["A"]:
            if each["N"] in attributes:
                each["AT"]["D"] = False
        return True

    return edit


def verdicts(found):
    return {name: each.verdict for name, each in found.items()}


def test_a_good_model_agrees_on_every_runtime(digits, tmp_path):
    profile = replace(PROFILE, runtimes=("paddle", "onnxruntime", "openvino"))
    _, found = run(digits / "model", digits, tmp_path / "s", profile=profile)
    assert set(verdicts(found).values()) == {Verdict.PASS}
    assert {"onnxruntime", "openvino", "paddle-threads-2", "paddle-no-onednn"} <= set(found)


def test_dropout_in_training_mode(digits, tmp_path):
    sick = edited(digits, tmp_path / "m", graph=training_mode("dropout", "is_test"))
    _, found = run(sick, digits, tmp_path / "s")
    assert found["repeat"].verdict is Verdict.FAIL


def test_batch_norm_in_training_mode(digits, tmp_path):
    sick = edited(digits, tmp_path / "m", graph=training_mode("batch_norm_", "is_test", "use_global_stats"))
    _, found = run(sick, digits, tmp_path / "s")
    assert found["batch-invariance"].verdict is Verdict.FAIL


def test_a_scaled_pair_of_layers_overflows_float16(digits, tmp_path):
    scale = {-2: lambda w: w * 1e6, -1: lambda w: w / 1e6}
    _, found = run(edited(digits, tmp_path / "m", weights=scale), digits, tmp_path / "s")
    assert found["float16-range"].verdict is Verdict.WARN


@pytest.fixture
def accepted(digits, tmp_path):
    trial, found = run(digits / "model", digits, tmp_path / "accepted")
    return Baseline(
        name="accepted",
        model_digest=trial.artifact.digest,
        data_digest=trial.held_out.digest,
        preprocess_digest=trial.contract.preprocess_digest(),
        environment_digest="",
        model_path=str(digits / "model"),
        figures={"consistency": json.loads(json.dumps(CHECK.record(list(found.values()))))},
        accepted_by="a person",
        reason="first",
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def flipped(weights):
    weights.flat[np.abs(weights).argmax()] *= -1
    return weights


def pooled_otherwise(op):
    for each in op["A"]:
        if op["#"].endswith("pool2d") and each["N"] == "pooling_type":
            each["AT"]["D"] = "avg"
            return True
    return False


@pytest.mark.parametrize(
    ("change", "operator"),
    [({"weights": {0: flipped}}, "conv2d"), ({"graph": pooled_otherwise}, "pool2d")],
)
def test_a_changed_model_names_its_operator(digits, tmp_path, accepted, change, operator):
    sick = edited(digits, tmp_path / "m", **change)
    _, found = run(sick, digits, tmp_path / "s", baseline=accepted)
    assert found["golden"].verdict is Verdict.WARN
    assert operator in found["golden"].where


def test_the_same_model_is_golden(digits, tmp_path, accepted):
    _, found = run(digits / "model", digits, tmp_path / "s", baseline=accepted)
    assert found["golden"].verdict is Verdict.PASS
