"""SARIF 2.1.0 for code-scanning views: only what a person has to look at."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from seatrial.checks._finding import Finding, Text, Verdict
from seatrial.checks._render._escape import one_line, visible
from seatrial.checks._render._figure import compare
from seatrial.checks._render._rows import rows
from seatrial.checks._render._words import Words

if TYPE_CHECKING:
    from seatrial.checks._report import CheckResult, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

# SARIF 2.1.0, 3.27.10: a kind other than `fail` goes with the level `none`. Many readers ignore `kind` and
# show every result as a finding, so passes and skips are left out.
_KIND_AND_LEVEL = {
    Verdict.FAIL: ("fail", "error"),
    Verdict.ERROR: ("fail", "error"),
    Verdict.WARN: ("fail", "warning"),
    Verdict.INCONCLUSIVE: ("review", "none"),
    Verdict.NOT_EXERCISED: ("review", "none"),
}


def to_sarif(report: Report, language: str) -> str:
    """One run; a result for every finding that failed, broke, warns or needs review."""
    words = Words(language)
    shown = [
        (row.result, finding)
        for row in rows(report)
        for finding in (*_own(row.result, words), *row.result.findings)
        if _judged(row.result, finding) is not None
    ]
    rules: dict[str, dict[str, Any]] = {}
    for result, finding in shown:
        rules.setdefault(_rule_id(finding), _rule(result, finding, words))
    order = list(rules)
    place = _artifact(report)
    run = {
        "tool": {
            "driver": {
                "name": "Seatrial",
                "version": visible(report.seatrial),
                "semanticVersion": visible(report.seatrial),
                "rules": list(rules.values()),
            }
        },
        "invocations": [
            {
                "executionSuccessful": all(each.verdict is not Verdict.ERROR for each in report.results),
                "commandLine": visible(report.command),
                "startTimeUtc": _utc(report.started),
            }
        ],
        "artifacts": [{"location": {"uri": place}, "roles": ["analysisTarget"], **_hashes(report)}],
        "results": [_result(result, finding, order, place, words) for result, finding in shown],
        "columnKind": "unicodeCodePoints",
        "language": "zh-CN" if language == "zh" else "en-US",
        "properties": {
            "verdict": report.verdict.value,
            "reason": visible(words.text(report.reason)),
            "profile": visible(report.profile),
            "tier": visible(report.tier),
            "subject": {visible(key): visible(value) for key, value in report.subject.items()},
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _own(result: CheckResult, words: Words) -> list[Finding]:
    """What the check itself has to say: that it broke, or was required and has nothing to show."""
    silent = not any(each.verdict is result.verdict for each in result.findings)
    if not result.error and not silent:
        return []
    message = Text(*[result.error.partition("\n")[0] or words.meaning(result.verdict)] * 2)
    return [Finding(f"{result.name}.check", result.verdict, message, result.examined)]


def _judged(result: CheckResult, finding: Finding) -> tuple[str, str] | None:
    not_run = (Verdict.SKIP, Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE)
    if result.required and result.verdict in not_run and finding.verdict is result.verdict:
        return "fail", "error"  # the gate says no because of it
    return _KIND_AND_LEVEL.get(finding.verdict)


def _rule_id(finding: Finding) -> str:
    return one_line(finding.id)


def _rule(result: CheckResult, finding: Finding, words: Words) -> dict[str, Any]:
    advice = [
        f"{words(key)}: {words.text(text)}"
        for key, text in (("cause", finding.cause), ("fix", finding.fix))
        if text
    ]
    advice.append(f"{words('reproduce')}: {result.reproduce}")
    return {
        "id": _rule_id(finding),
        "shortDescription": {"text": visible(words.text(result.title)) or one_line(result.name)},
        "fullDescription": {"text": visible(words.text(result.question)) or one_line(result.name)},
        "help": {"text": visible("\n".join(advice))},
        "properties": {"tags": sorted({one_line(each) for each in (result.name, *result.promises)})},
    }


def _result(
    result: CheckResult, finding: Finding, order: list[str], place: str, words: Words
) -> dict[str, Any]:
    kind, level = _judged(result, finding) or ("review", "none")
    message = visible(words.text(finding.summary)) or one_line(finding.id)
    both = compare(finding)
    properties: dict[str, Any] = {"verdict": finding.verdict.value, "examined": finding.examined}
    if both:
        properties["measured"] = _json(finding.measured)
    if finding.limit is not None:
        properties["limit"] = _json(finding.limit.value)
        properties["limitSource"] = visible(finding.limit.source)
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": place, "index": 0}, "region": {"startLine": 1}}
    }
    if finding.where:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(finding.where)}]
    identity = "\0".join((result.name, finding.id, finding.where)).encode("utf-8", "backslashreplace")
    return {
        "ruleId": _rule_id(finding),
        "ruleIndex": order.index(_rule_id(finding)),
        "kind": kind,
        "level": level,
        "message": {"text": message},
        "locations": [location],
        # Of what and where, not of the figure: the same finding in the next run is the same finding.
        "partialFingerprints": {"seatrialFinding/v1": hashlib.sha256(identity).hexdigest()[:32]},
        "properties": properties,
    }


def _artifact(report: Report) -> str:
    """A relative URI of the model, which viewers resolve against the repository."""
    path = str(report.model.get("path") or report.model.get("name") or "model")
    absolute = PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()
    relative = PureWindowsPath(path).name if absolute else path.replace("\\", "/")
    return quote(visible(relative), safe="/") or "model"


def _hashes(report: Report) -> dict[str, Any]:
    kind, _, digest = str(report.subject.get("model", "")).partition(":")
    return {"hashes": {"sha-256": visible(digest)}} if kind == "sha256" and digest else {}


def _json(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return visible(value) if isinstance(value, str) else value


def _utc(started: str) -> str:
    return visible(started).removesuffix("+00:00").removesuffix("Z") + "Z"
