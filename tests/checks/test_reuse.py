"""Answers are reused exactly as long as everything they rest on is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.checks import Answers, Check, Control, Finding, Text, Verdict
from seatrial.checks._report import CheckResult
from seatrial.checks._trial import INPUTS
from seatrial.errors import UsageError
from support.sample_report import passing_report

SAID = Text("said", "说过")
CHECK = Check("one", 1, SAID, SAID, ("M01",), lambda _: [], lambda _: Control(True, SAID))


class FakeProfile:
    required = frozenset({"one"})


class FakeTrial:
    full = False
    seed = 7
    profile = FakeProfile()


TRIAL: Any = FakeTrial()
DIGESTS = dict.fromkeys(INPUTS, "sha256:0")


def result(verdict: Verdict) -> CheckResult:
    found = (Finding("one.thing", verdict, SAID, 1),)
    control = Control(True, SAID)
    return CheckResult(
        "one", 1, SAID, SAID, ("M01",), False, verdict, found, control, 0.5, "seatrial check", examined=1
    )


def kept(folder: Path, verdict: Verdict, check: Check = CHECK) -> Answers:
    answers = Answers(folder)
    answers.keep(replace(passing_report(), results=(result(verdict),)), TRIAL, DIGESTS, {"one": check})
    return answers


def test_the_same_inputs_give_the_answer_and_say_when_it_was_measured(tmp_path: Path) -> None:
    found = kept(tmp_path, Verdict.PASS).find(CHECK, TRIAL, DIGESTS)
    assert found is not None
    assert found.verdict is Verdict.PASS
    assert found.reused_from == passing_report().started
    assert found.required  # by the profile of this run


@pytest.mark.parametrize("changed", sorted(INPUTS))
def test_any_changed_input_is_asked_again(tmp_path: Path, changed: str) -> None:
    assert kept(tmp_path, Verdict.PASS).find(CHECK, TRIAL, DIGESTS | {changed: "sha256:1"}) is None


@pytest.mark.parametrize("name", ["full", "seed"])
def test_another_tier_or_seed_is_asked_again(tmp_path: Path, name: str) -> None:
    other: Any = FakeTrial()
    setattr(other, name, 99)
    assert kept(tmp_path, Verdict.PASS).find(CHECK, other, DIGESTS) is None


@pytest.mark.parametrize("verdict", [each for each in Verdict if each not in {Verdict.PASS, Verdict.WARN}])
def test_a_no_is_never_kept(tmp_path: Path, verdict: Verdict) -> None:
    assert kept(tmp_path, verdict).find(CHECK, TRIAL, DIGESTS) is None


def test_what_a_check_does_not_read_does_not_matter(tmp_path: Path) -> None:
    check = replace(CHECK, reads=frozenset({"model"}))
    assert kept(tmp_path, Verdict.PASS, check).find(check, TRIAL, DIGESTS | {"data": "sha256:1"}) is not None


def test_a_check_that_reads_nothing_runs_every_time(tmp_path: Path) -> None:
    check = replace(CHECK, reads=frozenset())
    assert kept(tmp_path, Verdict.PASS, check).find(check, TRIAL, DIGESTS) is None


def test_a_damaged_answer_is_no_answer(tmp_path: Path) -> None:
    answers = kept(tmp_path, Verdict.PASS)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    assert answers.find(CHECK, TRIAL, DIGESTS) is None


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file"):
        Answers(tmp_path / "file" / "cache")
