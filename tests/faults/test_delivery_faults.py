"""What is handed over beside the model: every threat is found by the check that is named for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial import lazy
from seatrial.checks import deployment
from seatrial.checks._deployment.elf import walk_libraries
from seatrial.checks._deployment.package import forbidden
from seatrial.checks._deployment.requirements import judge_pins, read_pins
from seatrial.checks._finding import Verdict
from seatrial.checks._security.delivered import scan_files
from seatrial.checks._security.foreign_operators import foreign_operators
from seatrial.faults import Fault, NotApplicable, Release, all_faults
from seatrial.faults._delivery import Call, field, pickled, small_onnx
from seatrial.faults._elf import another_machine, another_processor, small_library, this_machine
from seatrial.faults._secrets import planted
from seatrial.model import open_model
from support import networks
from support.fake_trial import make_artifact, make_trial

FAULTS = all_faults()
SEEDS = range(4)
SCANNED = {
    "pickle-runs-code": "pickle-global",
    "pickle-appended": "pickle-global",
    "pickle-in-archive": "pickle-global",
    "pickle-through-import": "pickle-global",
    "external-data-outside": "external-data",
    "archive-writes-outside": "archive-slip",
    "archive-links-outside": "archive-link",
    "archive-explodes": "archive-bomb",
    "secret-in-config": "secret",
    "secret-in-notebook": "secret",
}
FORBIDDEN = ("version-history-delivered", "optimizer-state-delivered", "training-data-delivered")


def made(name: str, folder: Path, seed: int, *, kind: str = "paddle-json") -> Release:
    fault: Fault = FAULTS[name]
    (folder / "new").mkdir(parents=True)
    return fault.make(networks.good(folder / "good", kind), folder / "new", seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "code"), SCANNED.items())
def test_the_scan_names_the_threat(name, code, seed, tmp_path):
    release = made(name, tmp_path, seed)
    assert code in {each.code for each in scan_files(release.delivered).threats}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_stays_in_the_workshop_is_forbidden(name, tmp_path):
    assert forbidden(made(name, tmp_path, 3).delivered)


@pytest.mark.parametrize("kind", ["paddle-json", "onnx"])
def test_a_key_in_the_model_leaves_a_model_that_reads_as_before(kind, tmp_path):
    release = made("secret-in-model", tmp_path, 1, kind=kind)
    artifact = open_model(release.model)
    assert not artifact.problems
    assert artifact.operators == networks.good(tmp_path / "again", kind).artifact.operators
    assert "secret" in {each.code for each in scan_files([release.model]).threats}


def test_a_format_without_room_for_notes_takes_no_key(tmp_path):
    with pytest.raises(NotApplicable, match="no room"):
        made("secret-in-model", tmp_path, 1, kind="paddle-pdmodel")


def test_secrets_are_of_several_kinds_and_repeat_with_their_seed():
    assert planted(5) == planted(5)
    assert len({planted(seed).partition(":")[0] for seed in range(8)}) == 4


def test_requirements_are_open_or_not_those_that_are_installed(tmp_path):
    for seed in SEEDS:
        open_ones = made("requirements-unpinned", tmp_path / f"open-{seed}", seed).delivered[0]
        pins, flaws = read_pins(open_ones.read_text("utf-8"))
        assert [each.code for each in flaws + judge_pins(pins, lazy.version)] == ["unpinned"]
        others = made("requirements-of-another-time", tmp_path / f"other-{seed}", seed).delivered[0]
        pins, flaws = read_pins(others.read_text("utf-8"))
        assert [each.code for each in flaws + judge_pins(pins, lazy.version)] == ["mismatch"]


def trial_with(tmp_path: Path, *delivered: Path) -> object:
    trial = make_trial(tmp_path / "trial", make_artifact(tmp_path / "model", {}), lambda feeds: [feeds])
    return replace(trial, delivered=(*trial.delivered, *delivered))


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("library-needs-another", "deployment.delivered-libraries"),
        ("library-of-another-machine", "deployment.delivered-machine"),
        ("library-too-new", "deployment.delivered-glibc"),
    ],
)
def test_delivered_libraries_are_judged_like_the_runtimes_own(name, finding, tmp_path):
    trial = trial_with(tmp_path, *made(name, tmp_path, 2).delivered)
    verdicts = {each.id: each.verdict for each in deployment.run(trial)}
    failed = {key for key, verdict in verdicts.items() if "delivered" in key and verdict is Verdict.FAIL}
    assert failed == {finding}


def test_without_libraries_of_its_own_a_delivery_has_no_such_finding(tmp_path):
    assert not [each for each in deployment.run(trial_with(tmp_path)) if "delivered" in each.id]


def test_a_library_by_hand_reads_as_it_was_written(tmp_path):
    path = tmp_path / "libsmall.so"
    path.write_bytes(
        small_library(
            needed=["libc.so.6"], soname="libsmall.so", versions=["GLIBC_2.99"], machine=another_machine()
        )
    )
    report = walk_libraries([path])
    assert report.machines == (another_processor(),)
    assert report.glibc == (2, 99)
    assert this_machine() != another_machine()


def test_a_small_onnx_model_is_one(tmp_path):
    path = tmp_path / "small.onnx"
    path.write_bytes(small_onnx())
    artifact = open_model(path)
    assert not artifact.problems
    assert [(each.name, each.shape) for each in artifact.inputs] == [("x", (4,))]
    assert dict(artifact.operators) == {"Add": 1}
    onnxruntime = lazy.load("onnxruntime", extra="onnxruntime")
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones(4, "float32")})[0].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("seed", [0, 1])
def test_an_operator_of_its_own_is_seen_in_a_model_beside_the_model(seed, tmp_path):
    release = made("foreign-operator", tmp_path, seed)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    found = foreign_operators(trial_with(tmp_path, *release.delivered, broken))
    assert [(each.code, each.where) for each in found] == [("custom-operator", "head.onnx")]


def test_targets_that_do_not_fit_are_asked_for_in_the_contract(tmp_path):
    old = made("target-too-old", tmp_path / "old", 0)
    assert old.contract.limits["deployment.glibc"] == "2.12"
    other = made("target-of-another-machine", tmp_path / "other", 0)
    assert other.contract.limits["deployment.machine"] == another_processor()


def test_numbers_longer_than_a_byte_and_calls_are_written_as_protocols_say():
    assert field(1, 300) == b"\x08\xac\x02"
    assert field(2, "ab") == b"\x12\x02ab"
    assert b"builtins" in pickled(Call(len, "abc"))
