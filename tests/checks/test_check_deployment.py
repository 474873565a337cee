"""Deployment: missing libraries, floors, locks, forbidden files and the bill of materials (F46-F48)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import deployment
from seatrial.checks._deployment.elf import parse_version, read_library, walk_libraries
from seatrial.checks._deployment.findings import (
    judge_bill,
    judge_flaws,
    judge_floor,
    judge_machine,
    judge_needs_met,
)
from seatrial.checks._deployment.package import expand, forbidden, installed_runtime
from seatrial.checks._deployment.requirements import closure, judge_needs, judge_pins, read_pins
from seatrial.checks._deployment.sbom import Materials, build_sbom, validate_sbom
from seatrial.checks._finding import Limit, Verdict
from seatrial.checks._gate import run_check
from support.fake_trial import PROFILE
from support.tiny_elf import AARCH64, write_elf
from support.toy_model import Toy, bad

ORT = replace(PROFILE, runtime="onnxruntime")
DIGEST = "sha256:" + "a" * 64


def test_a_good_package_passes_and_leaves_its_bill(tmp_path):
    trial = Toy().trial(tmp_path, run=AssertionError("nothing is run"), profile=ORT, full=True)
    result = run_check(deployment.CHECK, trial)
    assert {each.id for each in result.findings if each.verdict != "PASS"} == set()
    assert result.control.rejected
    bill = json.loads((trial.scratch / "out" / "sbom.cdx.json").read_text())
    assert bill["metadata"]["component"]["type"] == "machine-learning-model"
    assert any(each["name"] == "onnxruntime" for each in bill["components"])
    assert all(each["hashes"] for each in bill["components"])
    assert validate_sbom(bill) == ""


def test_a_runtime_that_is_not_there_is_not_exercised(tmp_path):
    found = deployment.run(Toy().trial(tmp_path))
    assert bad(found) == {"deployment.libraries"}
    assert installed_runtime("no-such-runtime") is None


def test_what_elf_files_ask_for_is_read(tmp_path):
    path = write_elf(
        tmp_path / "liba.so",
        needed=["libb.so"],
        soname="liba.so.1",
        runpath="$ORIGIN/../libs",
        versions=["GLIBC_2.28"],
    )
    found = read_library(path)
    assert found.needed == ("libb.so",)
    assert set(found.names) == {"liba.so", "liba.so.1"}
    assert found.folders == (f"{tmp_path}/../libs",)
    assert found.versions == ("GLIBC_2.28",)
    assert found.machine == "x64"
    assert read_library(Path(__file__)) is None


def test_who_provides_a_library_decides(tmp_path):
    user = write_elf(
        tmp_path / "p" / "core.so",
        needed=["libbeside.so", "libiomp5.so", "libgone.so", "libc.so.6", "libcuda.so.1"],
        runpath="$ORIGIN",
    )
    write_elf(tmp_path / "p" / "libbeside.so")
    other = write_elf(tmp_path / "q" / "libiomp5.so")
    whole = walk_libraries([user, other])
    assert {(each.name, each.status) for each in whole.needs} == {
        ("libiomp5.so", "elsewhere"),
        ("libgone.so", "absent"),
        ("libcuda.so.1", "driver"),
    }
    assert judge_needs_met(whole, "p").verdict is Verdict.FAIL
    other.unlink()  # F46
    assert "libiomp5.so" in {each.name for each in walk_libraries([user]).named("absent")}


def test_a_library_in_another_package_is_found(tmp_path):
    user = write_elf(tmp_path / "core.so", needed=["libmate.so"])
    assert walk_libraries([user], mates=["libmate.so"]).named("absent") == []


def test_a_broken_elf_file_fails(tmp_path):
    path = tmp_path / "x.so"
    path.write_bytes(write_elf(tmp_path / "y.so").read_bytes()[:80])
    report = walk_libraries([path])
    assert report.unreadable
    assert judge_needs_met(report, "x").verdict is Verdict.FAIL


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.so"
    path.write_bytes(b"\x7fELF" + data)
    report = walk_libraries([path])
    assert report.libraries + len(report.unreadable) == 1


def test_the_wrong_processor_fails(tmp_path):
    report = walk_libraries([write_elf(tmp_path / "a.so", machine=AARCH64)])
    assert judge_machine(report, Limit("x64", "test")).verdict is Verdict.FAIL
    assert judge_machine(report, Limit("AArch64", "test")).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("asked", "target", "expected"),
    [("2.28", "2.17", "FAIL"), ("2.28", "2.28", "PASS"), ("2.9", "2.28", "PASS"), ("2.28", "2.9", "FAIL")],
)
def test_floors_compare_numbers_not_text(tmp_path, asked, target, expected):
    report = walk_libraries([write_elf(tmp_path / "a.so", versions=["GLIBC_2.2.5", f"GLIBC_{asked}"])])
    finding = judge_floor("glibc", report.glibc, report.glibc_user, Limit(target, "test"), examined=1)
    assert finding.verdict == expected
    assert parse_version("2.28") == (2, 28)


def test_the_target_of_the_profile_is_used(tmp_path):
    old = replace(ORT, limits={"deployment.glibc": "2.17"})
    found = deployment.run(Toy().trial(tmp_path, profile=old))
    assert "deployment.glibc" in bad(found)


def lookup(versions):
    return lambda name: versions.get(name, "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("numpy\n", "unpinned"),
        ("numpy>=1\n", "unpinned"),
        ("numpy==1.*\n", "unpinned"),
        ("numpy==1.0\n", "unhashed"),
        ("numpy=1.0\n", "unreadable"),
        (f"numpy==1.0 --hash={DIGEST}\n", "mismatch"),
    ],
)
def test_a_loose_lock_is_seen(text, code):
    pins, flaws = read_pins(text)
    found = flaws + judge_pins(pins, lookup({"numpy": "2.0"}))
    assert code in {each.code for each in found}
    assert judge_flaws(found, 1, "requirements.txt").verdict is Verdict.FAIL


def test_a_tight_lock_passes_and_one_without_digests_warns():
    text = (
        f"# made by a tool\n-i https://example.org\nNumPy==2.0.0 \\\n    --hash={DIGEST} \\\n    "
        f"--hash={DIGEST}\n    # via x\n"
    )
    pins, flaws = read_pins(text)
    assert [(each.name, each.version, each.hashed) for each in pins] == [("numpy", "2.0.0", True)]
    assert judge_flaws(flaws + judge_pins(pins, lookup({"numpy": "2.0"})), 1, "x").verdict is Verdict.PASS
    pins, flaws = read_pins("numpy==2.0\n")
    assert judge_flaws(flaws + judge_pins(pins, lookup({"numpy": "2.0"})), 1, "x").verdict is Verdict.WARN


def test_delivered_locks_are_read(tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy>=1\n")
    trial = Toy().trial(tmp_path / "t", profile=ORT)
    trial = replace(trial, delivered=(*trial.delivered, tmp_path / "requirements.txt"))
    assert "deployment.lock" in bad(deployment.run(trial))


def test_a_lock_that_contradicts_itself_is_seen(tmp_path):
    lock = f"onnxruntime==1.0 --hash={DIGEST}\nnumpy==1.0 --hash={DIGEST}\n"
    (tmp_path / "requirements.lock").write_text(lock)
    trial = Toy().trial(tmp_path / "t", profile=ORT)
    found = deployment.run(replace(trial, delivered=(*trial.delivered, tmp_path / "requirements.lock")))
    rows = next(each for each in found if each.id == "deployment.lock").evidence[0].rows
    assert any(row[0] == "conflict" and "numpy" in row[2] for row in rows)


def test_needs_are_compared_with_what_is_there():
    needs = ["numpy>=2", 'tomli>=1; python_version < "3"', "extra-thing>=9; extra == 'x'"]
    assert {
        each.code
        for each in judge_needs("p", needs, lookup({"numpy": "1.26", "tomli": "0", "extra-thing": "1"}))
    } == {"conflict"}
    assert judge_needs("p", needs, lookup({"numpy": "2.1"})) == []


def test_a_distribution_that_is_not_there_is_missing():
    assert {each.code for each in closure("no-such-distribution")[1]} == {"missing"}


@pytest.mark.parametrize(
    "name",
    [
        ".git/config",
        "train.ipynb",
        "best.pdopt",
        "best.pdparams",
        "data/train.csv",
        "members.npz",
        ".env",
        "__pycache__/x.pyc",
        "id_rsa",
    ],
)
def test_forbidden_files_are_named(tmp_path, name):
    path = tmp_path / "bundle" / name
    path.parent.mkdir(parents=True)
    path.write_text("x")
    trial = Toy().trial(tmp_path / "t", profile=ORT)
    found = deployment.run(replace(trial, delivered=(*trial.delivered, tmp_path / "bundle")))
    assert bad(found) == {"deployment.forbidden"}


def test_files_of_a_model_are_welcome(tmp_path):
    names = [
        "inference.json",
        "inference.pdiparams",
        "contract.yaml",
        "labels.txt",
        "vocab.txt",
        "requirements.txt",
        "model.onnx",
    ]
    assert forbidden([tmp_path / each for each in names]) == []


def test_a_folder_is_looked_into(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    assert expand([tmp_path / "a"]) == [tmp_path / "a" / "b" / "c"]


def test_too_large_a_delivery_fails(tmp_path):
    small = replace(ORT, limits={"deployment.size_mb": 0.0001})
    assert "deployment.size" in bad(deployment.run(Toy().trial(tmp_path, profile=small)))


def test_the_bill_is_the_same_each_time_and_strict(tmp_path):
    trial = Toy().trial(tmp_path)
    materials = Materials(
        trial.artifact, trial.contract, trial.delivered, installed_runtime("onnxruntime").packages
    )
    first, again = build_sbom(materials), build_sbom(materials)
    assert json.dumps(first) == json.dumps(again)
    assert judge_bill(first, validate_sbom(first)).verdict is Verdict.PASS
    bogus = {**first, "bogus": 1}
    assert judge_bill(bogus, validate_sbom(bogus)).verdict is Verdict.FAIL
    assert judge_bill({"components": first["components"]}, "").verdict is Verdict.FAIL
    unhashed = {**first, "components": [{**first["components"][0], "hashes": []}]}
    assert judge_bill(unhashed, "").verdict is Verdict.FAIL
