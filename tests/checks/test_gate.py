"""The gate: what did not run is not trusted, and a check that cannot say no is an error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.checks import (
    Check,
    Control,
    Finding,
    Profile,
    Text,
    Verdict,
    judge,
    load_profile,
    profile_names,
    render,
)
from seatrial.checks._finding import Limit, worst
from seatrial.checks._gate import run_check
from seatrial.errors import ModelError, NotFound, UsageError
from support.sample_report import passing_report

SAID = Text("said", "说过")


@dataclass(frozen=True)
class FakeTrial:
    profile: Profile


TRIAL: Any = FakeTrial(Profile(name="p", runtime="auto", runtimes=(), required=frozenset({"one"})))


def finding(verdict: Verdict, *, examined: int = 1, name: str = "one.thing") -> Finding:
    return Finding(name, verdict, SAID, examined)


def check(*findings: Finding, rejected: bool = True, broke: Exception | None = None) -> Check:
    def run(_: Any) -> list[Finding]:
        if broke:
            raise broke
        return list(findings)

    return Check("one", 1, SAID, SAID, ("M01",), run, lambda _: Control(rejected, SAID))


def test_a_good_check_passes() -> None:
    result = run_check(check(finding(Verdict.PASS)), TRIAL)
    assert (result.verdict, result.examined, result.required) == (Verdict.PASS, 1, True)


def test_a_control_that_is_not_rejected_is_an_error() -> None:
    result = run_check(check(finding(Verdict.PASS), rejected=False), TRIAL)
    assert result.verdict is Verdict.ERROR
    assert "negative control" in result.error


def test_examining_nothing_is_an_error() -> None:
    assert run_check(check(finding(Verdict.PASS, examined=0)), TRIAL).verdict is Verdict.ERROR
    assert run_check(check(), TRIAL).verdict is Verdict.ERROR


@pytest.mark.parametrize("broke", [ModelError("bad", hint="mend it"), ZeroDivisionError("oops")])
def test_a_check_that_breaks_is_an_error_with_its_reason(broke: Exception) -> None:
    result = run_check(check(broke=broke), TRIAL)
    assert result.verdict is Verdict.ERROR
    assert str(broke) in result.error


def test_a_fail_is_not_hidden_by_a_broken_control() -> None:
    assert run_check(check(finding(Verdict.FAIL), finding(Verdict.PASS)), TRIAL).verdict is Verdict.FAIL


def test_the_worst_verdict_counts_and_skips_do_not_color() -> None:
    assert worst([Verdict.PASS, Verdict.SKIP]) is Verdict.PASS
    assert worst([Verdict.SKIP]) is Verdict.SKIP
    assert worst([Verdict.WARN, Verdict.NOT_EXERCISED]) is Verdict.NOT_EXERCISED
    assert worst([]) is Verdict.ERROR


@pytest.mark.parametrize(
    ("verdict", "gate"),
    [
        (Verdict.PASS, Verdict.PASS),
        (Verdict.WARN, Verdict.PASS),
        (Verdict.FAIL, Verdict.FAIL),
        (Verdict.ERROR, Verdict.FAIL),
        (Verdict.SKIP, Verdict.FAIL),
        (Verdict.NOT_EXERCISED, Verdict.FAIL),
        (Verdict.INCONCLUSIVE, Verdict.FAIL),
    ],
)
def test_a_required_check_must_have_run(verdict: Verdict, gate: Verdict) -> None:
    result = run_check(check(finding(verdict)), TRIAL)
    assert judge([result], TRIAL.profile)[0] is gate


def test_a_required_check_that_is_absent_fails_the_gate() -> None:
    verdict, reason = judge([], TRIAL.profile)
    assert verdict is Verdict.FAIL
    assert "one" in reason.en
    assert "one" in reason.zh


def test_a_profile_may_require_a_single_finding() -> None:
    profile = Profile(name="p", runtime="auto", runtimes=(), required=frozenset({"one", "one.leak"}))
    ran = run_check(check(finding(Verdict.PASS), finding(Verdict.SKIP, name="one.leak")), TRIAL)
    assert judge([ran], profile)[0] is Verdict.FAIL
    ran = run_check(check(finding(Verdict.PASS), finding(Verdict.PASS, name="one.leak")), TRIAL)
    assert judge([ran], profile)[0] is Verdict.PASS


def test_the_reason_names_the_first_failure_and_counts_the_others() -> None:
    failed = run_check(check(finding(Verdict.FAIL)), TRIAL)
    reason = judge([failed, failed], TRIAL.profile)[1]
    assert reason.en == "one FAIL: said (and 1 more: one)"


@pytest.mark.parametrize("name", profile_names())
def test_shipped_profiles_load_and_require_known_checks(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.required


def test_a_profile_of_ones_own(tmp_path: Any) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("runtimes: [onnxruntime]\nrequired: [structure]\nlimits: {performance.p99_ms: 5}\n")
    profile = load_profile(str(mine))
    assert (profile.name, profile.limits) == ("mine", {"performance.p99_ms": 5})


def test_bad_profiles_say_what_is_wrong(tmp_path: Any) -> None:
    with pytest.raises(NotFound) as missing:
        load_profile("nowhere")
    assert "cpu-server" in missing.value.hint
    bad = tmp_path / "bad.yaml"
    bad.write_text("runtimes: [onnxruntime]\nrequierd: [structure]\n")
    with pytest.raises(UsageError, match="requierd"):
        load_profile(str(bad))


def test_a_profile_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"runtime: \xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        load_profile(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(("value", "number"), [(0.5, 0.5), ("0.5", 0.5), (None, 0.0), (3, 3.0)])
def test_a_bound_is_a_number(value: Any, number: float) -> None:
    assert Limit(value, "contract").number == number


def test_a_word_where_a_number_belongs_is_said_so() -> None:
    with pytest.raises(UsageError, match="contract is 'high'"):
        _ = Limit("high", "contract").number


def test_a_partial_run_is_no_answer_about_the_release() -> None:
    ran = run_check(check(finding(Verdict.PASS)), TRIAL)
    verdict, reason = judge([ran], TRIAL.profile, partial=True)
    assert verdict is Verdict.PASS
    assert "no answer about the release" in reason.en


@pytest.mark.parametrize("form", ["html", "terminal", "markdown"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_partial_run_is_never_shown_as_ready(form: str, language: str) -> None:
    partial = replace(passing_report(), partial=True)
    ready = {"en": "Ready for approval", "zh": "可以提交审批"}[language]
    assert ready in render(passing_report(), form, language=language)
    assert ready not in render(partial, form, language=language)
