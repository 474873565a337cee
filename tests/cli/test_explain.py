"""`seatrial explain` says what a name means, in both languages, and what is near it when it means nothing."""

from __future__ import annotations

import pytest

from seatrial.checks import all_checks
from seatrial.cli.main import main
from seatrial.diagnosis import all_hypotheses
from seatrial.faults import all_faults


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["explain", *words]) == 0
    return capsys.readouterr().out


def test_a_finding_with_its_cause_its_fix_and_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "structure.training-mode")
    assert "net.eval()" in shown
    assert "0.385" in shown
    assert "F17, F18" in shown


def test_a_finding_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "weights.finite", "--lang", "zh")
    assert "ReLU 会把 NaN 变成 0" in shown
    assert "usual cause" not in shown


def test_a_finding_that_is_named_after_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert "consistency.onnxruntime (consistency.*)" in said(capsys, "consistency.onnxruntime")


def test_a_number_names_every_fault_that_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "F18")
    assert "batch-norm-in-training" in shown
    assert "train-mode" in shown


def test_a_word_of_two_meanings_gives_both(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "weights")
    assert "weights.negative-variance" in shown  # the check
    assert "weights-of-another-run" in shown  # the hypothesis


@pytest.mark.parametrize("room", [lambda: [each.name for each in all_checks()], all_faults, all_hypotheses])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_has_something_to_say(room, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in room():
        assert len(said(capsys, name, "--lang", language).splitlines()) >= 3, name


def test_what_is_near_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "weights.finit"]) == 2
    assert "weights.finite" in capsys.readouterr().err
