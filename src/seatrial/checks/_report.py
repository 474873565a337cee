"""One report is the truth; HTML, JUnit, SARIF, Markdown and the terminal table are functions of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.checks._finding import Control, Finding, Text, Verdict

SCHEMA = "seatrial/report/1"


@dataclass(frozen=True)
class CheckResult:
    """The answer of one check.

    Attributes:
        name: Of the check.
        order: Place in the table.
        title: For people.
        question: What it asked.
        promises: Rows of the mission.
        required: Whether the profile requires it.
        verdict: Worst of the findings; ERROR when the check broke or its control was not rejected.
        findings: Worst first.
        control: The negative control, or None when the check broke before it.
        seconds: Time it took.
        reproduce: The command that runs only this check again.
        error: Why the check itself broke, or empty.
        examined: Items examined in all.
        reused_from: When an earlier run with the same inputs measured this (ISO 8601, UTC); empty when this
            run did.
        headline: Id of the finding that speaks for the check when it passes; empty for the tightest one.
    """

    name: str
    order: int
    title: Text
    question: Text
    promises: tuple[str, ...]
    required: bool
    verdict: Verdict
    findings: tuple[Finding, ...]
    control: Control | None
    seconds: float
    reproduce: str
    error: str = ""
    examined: int = 0
    headline: str = ""
    reused_from: str = ""


@dataclass(frozen=True)
class Report:
    """Everything one run of the gate found.

    Attributes:
        model: `name, path, format, version, digest, size, parameters` of the model.
        subject: Digests the verdict is bound to: `model, data, preprocess, contract, profile, environment`.
        verdict: PASS or FAIL.
        reason: One sentence: why.
        tier: `fast` or `full`.
        profile: Name of the profile.
        results: By order.
        environment: Machine and versions: `cpu, cores, memory_bytes, os, python, packages, runtimes...`.
        baseline: `name, accepted_by, accepted_at, reason` of the baseline used, or None.
        started: ISO 8601, UTC.
        seconds: Of the whole run.
        seatrial: Version of Seatrial.
        seed: Of the run.
        command: As typed, to run the whole again.
        figures: What each check records for a baseline, by check name.
        partial: Only chosen checks were run: the verdict speaks of them alone and nothing can be approved.
    """

    model: Mapping[str, Any]
    subject: Mapping[str, str]
    verdict: Verdict
    reason: Text
    tier: str
    profile: str
    results: tuple[CheckResult, ...]
    environment: Mapping[str, Any]
    baseline: Mapping[str, Any] | None
    started: str
    seconds: float
    seatrial: str
    seed: int
    command: str
    figures: Mapping[str, Mapping[str, Any]]
    schema: str = SCHEMA
    partial: bool = False
