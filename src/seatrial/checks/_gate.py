"""The gate: asks every check, makes sure that none could have passed vacuously, and says yes or no."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import prod
from typing import Any

from seatrial import __version__, extensions
from seatrial.checks._environment import environment_digest, environment_record
from seatrial.checks._finding import WORST_FIRST, Control, Finding, Text, Verdict, worst
from seatrial.checks._profile import Profile
from seatrial.checks._report import CheckResult, Report
from seatrial.checks._reuse import Answers, input_digests
from seatrial.checks._trial import Check, Trial
from seatrial.errors import SeatrialError

GOOD = frozenset({Verdict.PASS, Verdict.WARN})


def all_checks() -> list[Check]:
    """Every check there is, in the order of the table."""
    found: Mapping[str, Check] = extensions.find("seatrial.checks", "CHECK")
    return sorted(found.values(), key=lambda each: each.order)


@dataclass(frozen=True)
class GateRun:
    """How this run was called, for the report.

    Attributes:
        command: As typed.
        only: Names of the checks to run; empty means all.
        answers: Earlier answers that may be used again, or None.
        clock: Gives the time, UTC-aware.
        started_check: Told the name of each check before it starts.
        ended_check: Told each result.
    """

    command: str
    clock: Callable[[], datetime]
    only: frozenset[str] = frozenset()
    answers: Answers | None = None
    started_check: Callable[[Check], None] = lambda _: None
    ended_check: Callable[[CheckResult], None] = lambda _: None


def run_gate(trial: Trial, call: GateRun) -> Report:
    """Puts one model through its checks (M01-M11).

    Args:
        trial: The model with its contract, data, profile and sessions.
        call: How the run was called.

    Returns:
        The report; its verdict is PASS only when every required check really ran and none failed.

    Raises:
        NotFound: `call.only` names a check that does not exist.
    """
    started, begin = call.clock(), time.monotonic()
    for name in call.only:
        extensions.get("seatrial.checks", "CHECK", name)
    environment = environment_record()
    digests = input_digests(trial, environment) if call.answers else {}
    results = []
    for check in all_checks():
        if call.only and check.name not in call.only:
            continue
        call.started_check(check)
        reused = call.answers.find(check, trial, digests) if call.answers else None
        result = reused or run_check(check, trial, call.command)
        call.ended_check(result)
        results.append(result)
    verdict, reason = judge(results, trial.profile, partial=bool(call.only))
    report = Report(
        model=_describe(trial),
        subject=_subject(trial, environment),
        verdict=verdict,
        reason=reason,
        tier="full" if trial.full else "fast",
        profile=trial.profile.name,
        results=tuple(results),
        environment=environment,
        baseline=_baseline(trial),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - begin, 3),
        seatrial=__version__,
        seed=trial.seed,
        command=call.command,
        figures=_figures(results),
        partial=bool(call.only),
    )
    if call.answers:
        call.answers.keep(report, trial, digests, {each.name: each for each in all_checks()})
    return report


def run_check(check: Check, trial: Trial, command: str = "seatrial check") -> CheckResult:
    """Runs one check and its negative control; a check that breaks is an ERROR and harms no other."""
    begin = time.monotonic()
    findings: list[Finding] = []
    control: Control | None = None
    error = ""
    try:
        findings = check.run(trial)
        control = check.control(trial)
    except SeatrialError as broke:
        error = f"{broke.message} {broke.hint}".strip()
    except Exception as broke:  # noqa: BLE001 - a check that breaks must not take the others with it
        error = f"{type(broke).__name__}: {broke}\n{traceback.format_exc(limit=-6)}"
    examined = sum(each.examined for each in findings)
    verdict = worst([each.verdict for each in findings])
    if error or control is None:
        verdict = Verdict.ERROR if verdict is not Verdict.FAIL else verdict
    elif not control.rejected:
        verdict, error = (
            Verdict.ERROR,
            "the negative control was not rejected: this check cannot say no today",
        )
    elif not examined and verdict is not Verdict.SKIP:
        verdict, error = Verdict.ERROR, "nothing was examined: a check that looks at nothing cannot pass"
    return CheckResult(
        name=check.name,
        order=check.order,
        title=check.title,
        question=check.question,
        promises=check.promises,
        required=check.name in trial.profile.required,
        verdict=verdict,
        findings=tuple(sorted(findings, key=lambda each: WORST_FIRST.index(each.verdict))),
        control=control,
        seconds=round(time.monotonic() - begin, 3),
        reproduce=f"{command} --only {check.name}",
        error=error,
        examined=examined,
        headline=check.headline,
    )


def judge(results: Sequence[CheckResult], profile: Profile, *, partial: bool = False) -> tuple[Verdict, Text]:
    """The gate's verdict and its one-sentence reason.

    The answer is no when any check fails, and when a required check or finding did not really run.

    Args:
        results: Of the checks that ran.
        profile: Says what is required.
        partial: Only chosen checks were run: the verdict speaks of them alone.
    """
    failed = [each for each in results if each.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, _because(failed)
    not_run = [each for each in results if each.required and each.verdict not in GOOD]
    if not_run:
        return Verdict.FAIL, _because(not_run)
    seen = {each.name for each in results} | {
        f.id for each in results for f in each.findings if f.verdict in GOOD
    }
    missing = sorted(profile.required - seen)
    if (missing and not partial) or not results:
        names = ", ".join(missing) or "every check"
        return Verdict.FAIL, Text(
            f"Required but not run: {names}; what did not run cannot be trusted.",
            f"以下必检项没有真正运行：{names}；没有运行就不能算通过。",
        )
    warned = [each.name for each in results if each.verdict is Verdict.WARN]
    count = len(results)
    if partial:
        names = ", ".join(each.name for each in results)
        return Verdict.PASS, Text(
            f"Only {names} ran, and nothing failed; that is no answer about the release.",
            f"只运行了 {names}，没有失败项；这不能作为能否发布的结论。",
        )
    if warned:
        names = ", ".join(warned)
        return Verdict.PASS, Text(
            f"{count} checks ran and none failed; read the warnings of {names}.",
            f"共运行 {count} 项检查，没有失败项；请查看 {names} 的警告。",
        )
    return Verdict.PASS, Text(f"All {count} checks ran and passed.", f"{count} 项检查全部运行并通过。")


def _because(results: Sequence[CheckResult]) -> Text:
    first = results[0]
    more = len(results) - 1
    others = f" (and {more} more: {', '.join(each.name for each in results[1:])})" if more else ""
    others_zh = f"（另有 {more} 项：{'、'.join(each.name for each in results[1:])}）" if more else ""
    if first.findings and first.findings[0].verdict is first.verdict:
        said = first.findings[0].summary
    else:
        line = first.error.splitlines()[0] if first.error else "nothing was examined"
        said = Text(line, line)
    return Text(
        f"{first.name} {first.verdict}: {said.en}{others}",
        f"{first.name} {first.verdict}：{said.zh}{others_zh}",
    )


def _figures(results: Sequence[CheckResult]) -> dict[str, Mapping[str, Any]]:
    checks = {each.name: each for each in all_checks()}
    return {each.name: checks[each.name].record(list(each.findings)) for each in results if not each.error}


def _describe(trial: Trial) -> dict[str, Any]:
    artifact = trial.artifact
    return {
        "name": trial.contract.name,
        "task": trial.contract.task,
        "path": str(artifact.path),
        "format": artifact.format,
        "version": artifact.version,
        "digest": artifact.digest,
        "size": artifact.size,
        "parameters": sum(prod(max(size, 0) for size in each.shape) for each in artifact.parameters),
        "operators": sum(artifact.operators.values()),
    }


def _subject(trial: Trial, environment: Mapping[str, Any]) -> dict[str, str]:
    return {
        "model": trial.artifact.digest,
        "data": trial.held_out.digest,
        "preprocess": trial.contract.preprocess_digest(),
        "contract": trial.contract.digest(),
        "environment": environment_digest(environment),
    }


def _baseline(trial: Trial) -> dict[str, str] | None:
    kept = trial.baseline
    if kept is None:
        return None
    return {
        "name": kept.name,
        "model_digest": kept.model_digest,
        "accepted_by": kept.accepted_by,
        "accepted_at": kept.accepted_at.isoformat(timespec="seconds"),
        "reason": kept.reason,
    }
