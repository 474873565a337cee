"""`seatrial diagnose` and `seatrial check --diagnose` on a real model, in files and behind services."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from seatrial.checks import (
    Baseline,
    Candidate,
    GateRun,
    load_profile,
    open_trial,
    read_report,
    run_gate,
)
from seatrial.cli._diagnosis_check import with_diagnosis
from seatrial.cli.main import main
from seatrial.contract import (
    Contract,
    dump_contract,
    fingerprinted,
    load_contract,
    read_held_out,
    save_contract,
)
from seatrial.converters import convert
from seatrial.diagnosis import Setup
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.faults import Good, Release, all_faults
from seatrial.model import open_model
from support.services import FakeModel, serving


def broken_contract(folder: Path) -> None:
    """Normalizes, which training did not."""
    file = folder / "contract.yaml"
    text = file.read_text().replace(
        "  - cast: {dtype: float32}",
        "  # as in training\n  - cast: {dtype: float32}\n"
        "  - normalize: {scale: 1.0, mean: [0.5], std: [0.5]}",
    )
    file.write_text(text.replace(", low: 0.0, high: 1.0}", "}"))


@pytest.fixture
def wrong(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good release, and one whose contract normalizes."""
    root = Path(__file__).resolve().parents[2]
    for name in ("good", "wrong"):
        shutil.copytree(digits / "model", tmp_path / name)
        shutil.copy(root / "examples" / "digits" / "contract.yaml", tmp_path / name / "contract.yaml")
    broken_contract(tmp_path / "wrong")
    for name in ("held_out.npz", "training_side.npz"):
        shutil.copy(digits / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["seatrial", "diagnose"])
    return tmp_path


DATA = ["--data", "held_out.npz", "--quiet"]


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["good", "training_side.npz", "labels"])
def test_a_normalization_too_many_is_found_and_taken_out(
    wrong: Path, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", "wrong", "--reference", reference, "--fix", *DATA]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Cause found")
    assert "mean and deviation" in shown
    assert re.search(r"contract.yaml line \d+", shown)
    assert re.search(r"accuracy before +FAIL", shown)
    assert re.search(r"accuracy after +PASS", shown)
    fixed = wrong / "wrong" / "contract.fixed.yaml"
    assert "# as in training" in fixed.read_text()
    document = json.loads((wrong / "seatrial-out" / "diagnosis.json").read_text())
    assert document["proof"]["tried"]["changes"][0]["hypothesis"] == "mean-std"
    assert document["proof"]["p_value"] < 1e-3
    assert main(["diagnose", "wrong", "--contract", str(fixed), "--reference", "good", *DATA]) == 0


@pytest.mark.slow
def test_the_training_side_itself_is_a_reference(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).resolve().parents[2]
    (wrong / "save.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(root / 'examples' / 'digits')!r})\n"
        "import paddle\nfrom train import train\n"
        "paddle.save(train(7, 1).state_dict(), 'one.pdparams')\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "-W", "ignore", "save.py"], check=True, capture_output=True)
    recipe = f"{root / 'examples' / 'digits' / 'train.py'}:DigitsNet"
    arguments = ["diagnose", "good", "--reference", recipe, "--weights", "one.pdparams"]
    assert main([*arguments, *DATA]) == 1  # one epoch is not twelve: other weights, and the tool says so
    shown = capsys.readouterr().out
    assert "run with paddle 3" in shown
    assert "no cause" in shown.lower()


@pytest.mark.slow
def test_nothing_to_explain_exits_with_0(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "good", "--reference", "training_side.npz", "--lang", "zh", *DATA]) == 0
    assert "两边一致" in capsys.readouterr().out
    assert "two" not in (wrong / "seatrial-out" / "diagnosis.html").read_text("utf-8")[:200]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["v2", "v1"])
def test_a_running_service_is_diagnosed(wrong: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It really runs the model; for v2 the client prepares wrongly, behind v1 the service does."""
    artifact = open_model(wrong / "good")
    served = load_contract(wrong / "wrong" / "contract.yaml")
    setup = Setup(served, artifact)
    spec = {"inputs": artifact.inputs, "outputs": artifact.outputs}
    metadata = {
        name: [{"name": each.name, "datatype": "FP32", "shape": [-1, *each.shape[1:]]} for each in specs]
        for name, specs in spec.items()
    }

    def answer(_kind: str, body: bytes, _query: str):
        values = np.array(json.loads(body)["inputs"]["image"], np.float32)
        return _answered(runner, setup, served, values)

    with LocalRunner() as runner:
        model = FakeModel(
            infer=lambda feeds, _: {artifact.outputs[0].name: runner.infer(setup, feeds)[0]},
            answer=answer,
            metadata={"name": "digits", **metadata},
            extensions=("binary_tensor_data",),
        )
        runner.session(setup)
        with serving(model) as host:
            path = "/v2/models/digits" if kind == "v2" else "/v1/models/digits/predict"
            arguments = ["--contract", "wrong/contract.yaml", "--reference", "training_side.npz"]
            if kind == "v1":
                arguments[-1] = "labels"
            code = main(["diagnose", host + path, *arguments, "--limit", "100", *DATA])
    shown = capsys.readouterr().out
    assert code == 1
    assert f"the service at {host}" in shown
    if kind == "v2":
        assert shown.startswith("Cause found")
        assert "mean and deviation" in shown


def _answered(runner: LocalRunner, setup: Setup, served: Contract, values: np.ndarray):
    feeds, context = served.prepare(values)
    return served.answer(runner.infer(setup, feeds), 0, context)


@pytest.mark.slow
def test_a_failed_check_is_told_why(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "wrong", "--data", "held_out.npz", "--only", "accuracy", "--diagnose", "--quiet"]
    assert main([*arguments, "-o", "out"]) == 1
    assert "The service normalizes; training did not." in capsys.readouterr().out
    report = read_report(wrong / "out" / "report.json")
    assert report.reason.en.endswith("Why: The service normalizes; training did not.")
    finding = next(f for each in report.results for f in each.findings if f.id == "accuracy.diagnosis")
    assert finding.where.startswith("contract.yaml line ")
    assert finding.cause is not None
    assert {each.kind for each in finding.evidence} == {"table", "picture"}
    assert "data:image/png" in (wrong / "out" / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_label_map_that_is_shifted_is_found_by_names_in_the_data(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names are taken as they stand in the data: read by the shifted map, they would all be right."""
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    good = load_contract(wrong / "good" / "contract.yaml")
    shifted = replace(good, labels=(*names[1:], names[0]), fingerprints={})
    (wrong / "good" / "contract.yaml").write_text(dump_contract(fingerprinted(shifted)))
    with np.load("held_out.npz") as arrays:
        np.savez("named.npz", image=arrays["image"], label=np.array(names)[arrays["label"]])
    arguments = ["--reference", "labels", "--data", "named.npz", "--fix", "--quiet"]
    assert main(["diagnose", "good", *arguments]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Cause found")
    assert "label map" in shown
    assert load_contract(wrong / "good" / "contract.fixed.yaml").labels == names
    assert re.search(r"accuracy after +PASS", shown)


@pytest.mark.slow
def test_where_only_consistency_failed_the_same_model_run_plainly_is_the_reference(
    wrong: Path, tmp_path: Path
) -> None:
    artifact = open_model(wrong / "good")
    held_out = read_held_out(wrong / "held_out.npz", limit=80)
    good = Good(Release(artifact.graph, load_contract(wrong / "good" / "contract.yaml"), held_out), artifact)
    (tmp_path / "training").mkdir()
    broken = all_faults()["batch-norm-in-training"].make(good, tmp_path / "training", 7)
    save_contract(broken.contract, broken.model.parent / "contract.yaml")
    arguments = ["check", str(broken.model), "--data", "held_out.npz", "--only", "consistency", "--quiet"]
    assert main([*arguments, "--diagnose", "-o", "out"]) == 1
    report = read_report(wrong / "out" / "report.json")
    finding = next(f for each in report.results for f in each.findings if f.id == "consistency.diagnosis")
    assert "batch" in finding.data["hypotheses"]
    assert finding.data["reference"].startswith("the same model, sample by sample")


def kept_as(accepted: Path, digest: str) -> Baseline:
    """A baseline of a model that lies there."""
    return Baseline(
        name="kept",
        model_digest=open_model(accepted).digest,
        data_digest="",
        preprocess_digest=digest,
        environment_digest="",
        model_path=str(accepted / "inference.json"),
        figures={},
        accepted_by="me",
        reason="first",
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.slow
def test_the_accepted_model_is_the_reference_while_it_is_what_it_was(wrong: Path, tmp_path: Path) -> None:
    right = load_contract(wrong / "good" / "contract.yaml").preprocess_digest()
    found = {}
    for name, digest in (("kept", right), ("changed", "sha256:other")):
        candidate = Candidate(
            artifact=open_model(wrong / "wrong"),
            contract=load_contract(wrong / "wrong" / "contract.yaml"),
            held_out=read_held_out(wrong / "held_out.npz", limit=60),
            profile=load_profile("cpu-server"),
            baseline=kept_as(wrong / "good", digest),
        )
        (tmp_path / name).mkdir()
        with open_trial(candidate, tmp_path / name, convert=convert) as trial:
            clock = GateRun(command="x", clock=lambda: datetime.now(UTC), only=frozenset({"accuracy"}))
            report = with_diagnosis(
                run_gate(trial, clock),
                trial,
                source=str(wrong / "wrong" / "contract.yaml"),
                budget=30,
                say=lambda _: None,
            )
        found[name] = next(f for r in report.results for f in r.findings if f.id == "accuracy.diagnosis")
    assert found["kept"].data["reference"].startswith("the model of baseline 'kept'")
    assert found["kept"].data["hypotheses"] == ["mean-std"]
    assert found["changed"].data["reference"].startswith("the labels")


@pytest.mark.slow
def test_a_diagnosis_that_breaks_costs_no_report(wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("oh no")

    monkeypatch.setattr("seatrial.cli._diagnosis_check.searched", broken)
    arguments = ["check", "wrong", "--data", "held_out.npz", "--only", "accuracy", "--diagnose", "--quiet"]
    assert main([*arguments, "-o", "out"]) == 1
    report = read_report(wrong / "out" / "report.json")
    finding = next(f for each in report.results for f in each.findings if f.id == "accuracy.diagnosis")
    assert finding.verdict == "SKIP"
    assert "RuntimeError: oh no" in finding.summary.en


@pytest.mark.slow
def test_a_check_that_passes_is_not_diagnosed(wrong: Path) -> None:
    arguments = ["check", "good", "--data", "held_out.npz", "--only", "accuracy", "--diagnose", "--quiet"]
    assert main([*arguments, "-o", "out"]) == 0
    report = read_report(wrong / "out" / "report.json")
    assert not [f for each in report.results for f in each.findings if f.id.endswith(".diagnosis")]
