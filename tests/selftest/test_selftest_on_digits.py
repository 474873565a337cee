"""The self-test on a real model: what is broken is caught, what is good passes, and the exit code says so."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import pytest

from seatrial.cli.main import main
from seatrial.selftest import Mark, SelfTest, Status, read_selftest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FAULTS = "params-short-by-a-byte,graph-missing,F09,nan-weight,labels-shifted,padding-lost,stale-answers"


@pytest.fixture(scope="module")
def release(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    shutil.copytree(digits / "model", folder / "model")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", folder / "model")
    shutil.copy(digits / "held_out.npz", folder)
    return folder


@pytest.fixture(scope="module")
def found(release: Path) -> SelfTest:
    arguments = [str(release / "model"), "--data", str(release / "held_out.npz"), "--faults", FAULTS]
    out = release / "out"
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(["selftest", *arguments, "--good", "2", "-o", str(out), "--quiet"])
    assert code == 0, said.getvalue()
    return read_selftest(out / "selftest.json")


def test_everything_is_caught_and_nothing_good_refused(found: SelfTest) -> None:
    assert found.passed
    assert found.scores.score == 1.0
    assert (found.scores.false_alarms.hits, found.scores.false_alarms.n) == (0, 2)


def test_each_is_first_seen_where_it_must(found: SelfTest) -> None:
    rows = {each.name: each for each in found.faults}
    assert rows["params-short-by-a-byte"].first == "structure"
    assert rows["graph-missing"].marks["structure"] is Mark.REFUSED
    assert rows["labels-shifted"].first == "interface"
    assert not found.scores.elsewhere
    assert all(each.status is Status.CAUGHT for each in found.faults)


def test_a_digest_is_told_apart_from_behavior(found: SelfTest) -> None:
    known = [each.name for each in found.faults if each.digest_only]
    assert known == ["mantissa-bit-flip"]
    assert found.scores.behavior_score == 1.0
    assert found.scores.equivalents == 1


def test_load_was_asked_of_the_first_good_release_only(found: SelfTest) -> None:
    assert [("performance" in each.asked) for each in found.good].count(True) == 1
    assert all(each.marks.get("performance", Mark.NOT_ASKED) is Mark.NOT_ASKED for each in found.faults)


def test_all_files_are_written(release: Path, found: SelfTest) -> None:
    assert {each.name for each in (release / "out").iterdir()} == {
        "selftest.json",
        "selftest.md",
        "selftest.html",
    }
    assert json.loads((release / "out" / "selftest.json").read_text("utf-8"))["schema"] == found.schema


def test_a_good_model_that_is_refused_stops_it(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strict = release / "strict.yaml"
    text = (release / "model" / "contract.yaml").read_text("utf-8")
    strict.write_text(text.replace("accuracy.minimum: 0.95", "accuracy.minimum: 0.999"), "utf-8")
    arguments = [str(release / "model"), "--data", str(release / "held_out.npz"), "--contract", str(strict)]
    assert main(["selftest", *arguments, "--faults", "F02", "--good", "0", "-o", str(release / "no")]) == 2
    assert "proves nothing" in capsys.readouterr().err
    assert not (release / "no").exists()
