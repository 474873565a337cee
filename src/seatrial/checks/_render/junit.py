"""JUnit XML for the test tab of GitLab, Jenkins and the like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from seatrial.checks._finding import Verdict
from seatrial.checks._render._escape import clipped, one_line, visible
from seatrial.checks._render._figure import compare
from seatrial.checks._render._words import Words

if TYPE_CHECKING:
    from seatrial.checks._finding import Finding
    from seatrial.checks._report import CheckResult, Report

# Not run is no failure of the finding. Where it was required, the check that owns it fails (`_check`).
NOT_RUN = frozenset({Verdict.SKIP, Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE})
_MESSAGE = 1000


def to_junit(report: Report, language: str) -> str:
    """One suite; a case for the gate, one a check, one a finding.

    A `failure` is a check that says no, an `error` a check that broke, `skipped` one that did not run. The
    gate's own case fails whenever the gate says no, so that the file cannot be green by itself.
    """
    words = Words(language)
    suite = ET.Element("testsuite", name="seatrial")
    _suite_properties(suite, report, words)
    _gate(suite, report, words)
    for result in sorted(report.results, key=lambda each: each.order):
        _check(suite, result, words)
        for finding in result.findings:
            _finding(suite, result, finding, words)
    cases = suite.findall("testcase")
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    suite.set("time", _time(report.seconds))
    suite.set("timestamp", _timestamp(report.started))
    top = ET.Element("testsuites", name="seatrial")
    top.append(suite)
    ET.indent(top)
    text = ET.tostring(top, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite_properties(suite: ET.Element, report: Report, words: Words) -> None:
    _properties(
        suite,
        {
            "verdict": report.verdict.value,
            "reason": words.text(report.reason),
            "profile": report.profile,
            "tier": report.tier,
            "seatrial": report.seatrial,
            **{f"model.{key}": value for key, value in sorted(report.model.items())},
            **{f"digest.{key}": value for key, value in sorted(report.subject.items())},
        },
    )


def _gate(suite: ET.Element, report: Report, words: Words) -> None:
    case = ET.SubElement(suite, "testcase", classname="seatrial", name="gate", time=_time(report.seconds))
    if report.verdict is not Verdict.PASS:
        _say(case, "failure", "gate", words.text(report.reason), report.command)


def _check(suite: ET.Element, result: CheckResult, words: Words) -> None:
    case = ET.SubElement(
        suite, "testcase", classname="seatrial.checks", name=one_line(result.name), time=_time(result.seconds)
    )
    _properties(case, {"examined": result.examined, "required": result.required})
    kind = result.verdict.value
    if result.verdict is Verdict.ERROR:
        _say(case, "error", kind, result.error or words.meaning(result.verdict), result.reproduce)
    elif result.verdict is Verdict.FAIL:
        failed = sum(each.verdict is Verdict.FAIL for each in result.findings)
        said = words("findings_failed").format(failed, len(result.findings))
        _say(case, "failure", kind, said, result.reproduce)
    elif result.verdict in NOT_RUN:
        word = words.verdict(result.verdict)
        if result.required:
            _say(case, "failure", kind, words("required_not_run").format(word), result.reproduce)
        else:
            _say(case, "skipped", kind, word, "")


def _finding(suite: ET.Element, result: CheckResult, finding: Finding, words: Words) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=f"seatrial.{one_line(result.name)}", name=one_line(finding.id), time="0"
    )
    measured: dict[str, object] = {"verdict": finding.verdict.value, "examined": finding.examined}
    if finding.measured is not None:
        measured["measured"] = finding.measured
    if finding.limit is not None:
        measured.update(
            {"limit": finding.limit.value, "limit.source": finding.limit.source, "unit": finding.limit.unit}
        )
    _properties(case, measured)
    summary = words.text(finding.summary)
    if finding.verdict is Verdict.FAIL:
        _say(case, "failure", finding.verdict.value, summary, _body(result, finding, words))
    elif finding.verdict is Verdict.ERROR:
        _say(case, "error", finding.verdict.value, summary, _body(result, finding, words))
    elif finding.verdict in NOT_RUN:
        _say(case, "skipped", finding.verdict.value, f"{words.verdict(finding.verdict)}: {summary}", "")
    elif finding.verdict is Verdict.WARN:
        out = ET.SubElement(case, "system-out")
        out.text = visible(f"{words.verdict(finding.verdict)}: {summary}\n{_body(result, finding, words)}")


def _body(result: CheckResult, finding: Finding, words: Words) -> str:
    lines = []
    both = compare(finding)
    if both:
        lines.append(f"{words('measured')}: {both.measured}")
    if finding.limit is not None and both:
        lines.append(f"{words('limit')}: {both.limit} ({finding.limit.source})")
    if finding.where:
        lines.append(f"{words('where')}: {finding.where}")
    for key, text in (("cause", finding.cause), ("fix", finding.fix)):
        if text is not None:
            lines.append(f"{words(key)}: {words.text(text)}")
    return "\n".join([*lines, f"{words('reproduce')}: {result.reproduce}"])


def _say(case: ET.Element, tag: str, kind: str, message: str, body: str) -> None:
    element = ET.SubElement(case, tag, message=one_line(message, _MESSAGE))
    if tag != "skipped":
        element.set("type", kind)
    if body:
        element.text = visible(body)


def _properties(parent: ET.Element, values: dict[str, object]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        # Floats in full: a machine reads them.
        text = clipped(one_line(value), _MESSAGE)
        ET.SubElement(properties, "property", name=one_line(name), value=text)


def _time(seconds: float) -> str:
    return f"{seconds:.3f}" if math.isfinite(seconds) else "0"


def _timestamp(started: str) -> str:
    """ISO 8601 without a zone, in UTC, as the schema of Jenkins asks."""
    return one_line(started).removesuffix("+00:00").removesuffix("Z")
