"""Structure: faults of files, versions and the mode of export are named (F01-F10, F13, F17, F18)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from seatrial.checks import deployment, structure
from seatrial.checks._finding import Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._structure.findings import judge_computation, judge_leftovers, judge_load, judge_version
from seatrial.checks._structure.graph_view import signatures
from seatrial.checks._trial import Baseline
from seatrial.errors import EngineFailure, MissingDependency, ModelError
from seatrial.model import OperatorEdit, open_model, operators, rewrite
from seatrial.model.artifact import Operator, Problem
from support import networks
from support.fake_trial import FakePool
from support.toy_model import Toy, bad


def artifact_like(tmp_path, **changes):
    return replace(Toy().trial(tmp_path).artifact, **changes)


def test_a_good_model_passes(tmp_path):
    result = run_check(structure.CHECK, Toy().trial(tmp_path))
    assert result.verdict is Verdict.PASS
    assert result.control.rejected


@pytest.mark.parametrize(
    "code", ["parameters-truncated", "parameters-missing", "graph-truncated", "trailing-bytes"]
)
def test_a_defect_of_the_files_fails_and_keeps_the_engine_out(tmp_path, code):
    problem = Problem(code, "154297 bytes expected, 154296 there", "x.pdiparams", "copied in part")
    trial = Toy().trial(
        tmp_path, run=AssertionError("the engine must not be asked"), described={"problems": (problem,)}
    )
    found = {each.id: each for each in structure.run(trial)}
    assert found[f"structure.{code}"].verdict is Verdict.FAIL
    assert found[f"structure.{code}"].where == "x.pdiparams"
    assert found["structure.load"].verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("version", "runtime", "expected"),
    [
        ("PIR 4", "3.2.2", Verdict.PASS),
        ("PIR 3", "3.2.2", Verdict.PASS),
        ("PIR 1", "3.3.1", Verdict.PASS),
        ("PIR 4", "3.0.0", Verdict.FAIL),
        ("PIR 99", "3.2.2", Verdict.FAIL),
        ("PIR 99", "", Verdict.FAIL),
        ("PIR 4", "2.6.2", Verdict.FAIL),
    ],
)
def test_versions_of_pir(tmp_path, version, runtime, expected):
    assert judge_version(artifact_like(tmp_path, version=version), "paddle", runtime).verdict is expected


@pytest.mark.parametrize(("version", "expected"), [("2.6.2", Verdict.PASS), ("3.0.0", Verdict.FAIL)])
def test_a_legacy_file_newer_than_the_runtime(tmp_path, version, expected):
    artifact = artifact_like(tmp_path, format="paddle-pdmodel", version=version)
    assert judge_version(artifact, "paddle", "2.6.2").verdict is expected


def test_openvino_has_no_reader_for_pir(tmp_path):
    assert judge_version(artifact_like(tmp_path), "openvino", "2026.4").verdict is Verdict.FAIL


def test_a_death_while_loading_is_named(tmp_path):
    died = EngineFailure("the worker died", kind="signal", signal_name="SIGSEGV")
    finding = judge_load(died, artifact_like(tmp_path), "paddle", 0.1)
    assert finding.verdict is Verdict.FAIL
    assert finding.measured == "SIGSEGV"
    assert "SIGSEGV" in finding.cause.en


def test_an_unknown_operator_is_named(tmp_path):
    refused = EngineFailure("Operator (relu_nope) is not registered.", kind="exception")
    finding = judge_load(
        refused, artifact_like(tmp_path, operators={"relu": 1, "relu_nope": 1}), "paddle", 0.1
    )
    assert "'relu_nope'" in finding.cause.en


def test_an_engine_that_is_not_installed_did_not_refuse(tmp_path):
    absent = MissingDependency("no paddle", hint="pip install")
    assert judge_load(absent, artifact_like(tmp_path), "paddle", 0.1).verdict is Verdict.NOT_EXERCISED


def test_a_refusal_through_the_pool_is_a_finding(tmp_path):
    trial = Toy().trial(tmp_path, run=ModelError("bad graph"))
    assert bad(structure.run(trial)) == {"structure.load"}


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (Operator("d", "dropout", {"is_test": False}, (), ()), Verdict.FAIL),
        (Operator("d", "dropout", {"is_test": True}, (), ()), Verdict.PASS),
        (Operator("b", "batch_norm_", {"is_test": False, "use_global_stats": False}, (), ()), Verdict.FAIL),
        (Operator("b", "batch_norm", {"is_test": False, "use_global_stats": True}, (), ()), Verdict.PASS),
        (Operator("b", "BatchNormalization", {"training_mode": 1}, (), ()), Verdict.FAIL),
        (Operator("c", "conv2d_grad", {}, (), ()), Verdict.FAIL),
        (Operator("a", "adamw_", {}, (), ()), Verdict.FAIL),
        (Operator("c", "conv2d", {}, (), ()), Verdict.PASS),
    ],
)
def test_training_mode_is_seen(operator, expected):
    assert judge_leftovers([operator]).verdict is expected


@pytest.mark.parametrize(("bit", "caught"), [(None, False), (0, True), (7, True)])
def test_a_flipped_bit_is_seen_by_the_fingerprint(tmp_path, bit, caught):
    trial = Toy().trial(tmp_path)
    weights = trial.artifact.weights
    vouched = "sha256:" + hashlib.sha256(weights.read_bytes()).hexdigest()
    trial = replace(trial, contract=replace(trial.contract, fingerprints={"weights": vouched}))
    if bit is not None:
        data = bytearray(weights.read_bytes())
        data[40] ^= 1 << bit
        weights.write_bytes(data)
    assert ("structure.fingerprint" in bad(structure.run(trial))) is caught


def test_a_list_of_sums_beside_the_model_is_believed(tmp_path):
    trial = Toy().trial(tmp_path)
    weights = trial.artifact.weights
    sums = weights.with_name("SHA256SUMS")
    sums.write_text(f"{hashlib.sha256(weights.read_bytes()).hexdigest()}  ./{weights.name}\n")
    trial = replace(trial, delivered=(*trial.delivered, sums))
    assert bad(structure.run(trial)) == set()
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert "structure.fingerprint" in bad(structure.run(trial))


def test_an_edited_attribute_is_named_against_the_baseline():
    def pool(kind):
        attributes = {"pooling_type": kind, "struct_name": f"/net/{kind}"}
        return [
            Operator("conv2d:0", "conv2d", {}, (), ()),
            Operator("pool2d:1", "pool2d", attributes, (), ()),
        ]

    before, now = signatures(pool("max")), signatures(pool("avg"))
    same = judge_computation(before, before, "v1", same_weights=True)
    edited = judge_computation(now, before, "v1", same_weights=True)
    retrained = judge_computation(now, before, "v1", same_weights=False)
    assert [each.verdict for each in (same, edited, retrained)] == [Verdict.PASS, Verdict.FAIL, Verdict.WARN]
    assert edited.where == "pool2d:1"
    assert judge_computation(now[:1], before, "v1", same_weights=True).verdict is Verdict.FAIL


def test_what_an_exporter_says_of_itself_changes_nothing():
    one = Operator("relu:0", "relu", {"struct_name": "/a/", "op_callstack": "file a"}, ("x",), ("y",))
    other = Operator("relu:0", "relu", {"struct_name": "/b/", "op_callstack": "file b"}, ("p",), ("q",))
    assert signatures([one]) == signatures([other])


def test_a_format_that_no_installed_runtime_runs_is_not_exercised(tmp_path):
    trial = Toy().trial(tmp_path)
    alone = replace(trial, pool=FakePool(trial.artifact, {}), profile=replace(trial.profile, runtime="auto"))
    found = {each.id: each.verdict for each in structure.run(alone)}
    assert found["structure.files"] is Verdict.PASS
    assert found["structure.load"] is Verdict.NOT_EXERCISED
    assert "deployment.libraries" in bad(deployment.run(alone))


def test_an_edit_is_told_from_a_retraining_where_the_weights_lie_in_the_graph(tmp_path):
    good = networks.good(tmp_path / "good", "onnx").artifact
    first = next(each for each in operators(good) if each.type == "Relu")
    bias = good.parameters[0]
    edited = rewrite(good, tmp_path / "edited", operators=[OperatorEdit(first.name, {}, "Sigmoid")])
    trained = rewrite(open_model(edited), tmp_path / "trained", tensors={bias.name: np.ones(bias.shape)})
    toy = Toy().trial(tmp_path / "toy")
    found = structure.run(replace(toy, artifact=good))
    figures = {key: value for each in found for key, value in (each.data or {}).items()}
    when = datetime(2026, 1, 1, tzinfo=UTC)
    baseline = Baseline("v1", good.digest, "", "", "", "", {"structure": figures}, "a person", "good", when)
    verdicts = []
    for path in (good.graph, edited, trained):
        judged = structure.run(replace(toy, artifact=open_model(path), baseline=baseline))
        verdicts += [each.verdict for each in judged if each.id == "structure.computation"]
    assert verdicts == [Verdict.PASS, Verdict.FAIL, Verdict.WARN]
