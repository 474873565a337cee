"""Is the exported model whole, of a version that production reads, and does it load? (`M01`)."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seatrial import lazy
from seatrial.checks._deployment.package import DISTRIBUTIONS
from seatrial.checks._deployment.sbom import digest_of
from seatrial.checks._finding import Control, Finding, Text, Verdict
from seatrial.checks._inference import production_runtime, production_session
from seatrial.checks._structure.findings import (
    judge_computation,
    judge_fingerprint,
    judge_leftovers,
    judge_load,
    judge_problems,
    judge_version,
)
from seatrial.checks._structure.graph_view import operators_of, signatures
from seatrial.checks._trial import Check, Trial, measured
from seatrial.errors import SeatrialError
from seatrial.model.artifact import Operator, Problem
from seatrial.model.weights import bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from seatrial.model import Artifact

_SUMS = re.compile(r"^(?:sha256:)?([0-9a-fA-F]{64})[ \t]+\*?(\S.*)$", re.MULTILINE)
_LONGEST_LIST = 1_000_000  # characters of a list of digests


def run(trial: Trial) -> list[Finding]:
    """Reads the files, compares versions and digests, then lets the engine try in a process of its own."""
    trial.progress("structure: files, versions, digests")
    artifact = trial.artifact
    problems = [each for each in artifact.problems if each.room == "structure"]
    runtime = _runtime(trial)
    operators = operators_of(artifact)
    findings = [
        *_described(artifact, judge_problems(artifact, problems)),
        judge_version(artifact, runtime, runtime_version(trial)),
        replace(judge_leftovers(operators), data={"operators": signatures(operators)}),
        *_since_baseline(trial, signatures(operators)),
        *fingerprints(trial),
    ]
    harmless = {"structure.training-mode", "structure.computation"}
    broken = [each for each in findings if each.verdict is Verdict.FAIL and each.id not in harmless]
    weights_broken = [each for each in artifact.problems if each.room == "weights"]
    if broken or weights_broken:
        findings.append(_not_tried(len(broken) + len(weights_broken)))
    else:
        trial.progress(f"structure: loading in {runtime}")
        findings.append(_load(trial))
    return findings


def _described(artifact: Artifact, findings: list[Finding]) -> list[Finding]:
    """With the digests that the next release is compared with."""
    facts = {"format": artifact.format, "digest": artifact.digest, "weights": _weights_digest(artifact)}
    return [replace(findings[0], data={**findings[0].data, **facts}), *findings[1:]]


def _since_baseline(trial: Trial, now: list[list[str]]) -> list[Finding]:
    """The computation against that of the accepted release, when it is of the same format."""
    kept = trial.baseline.figures.get("structure", {}) if trial.baseline else {}
    before = kept.get("operators")
    if trial.baseline is None or not before or not now or kept.get("format") != trial.artifact.format:
        return []
    digest = _weights_digest(trial.artifact)
    same = bool(digest) and kept.get("weights") == digest
    return [judge_computation(now, before, trial.baseline.name, same_weights=same)]


def _weights_digest(artifact: Artifact) -> str:
    """Of the parameters file, or of the tensors in the graph file; empty when they are missing."""
    path = artifact.weights
    if path is not None:
        return digest_of(path) if path.exists() else ""
    if not artifact.parameters or any(each.file is None for each in artifact.parameters):
        return ""
    found = hashlib.sha256()
    for each in artifact.parameters:
        found.update(f"{each.name} {each.dtype} {each.shape}\n".encode())
        found.update(bytes_of(each).data)
    return "sha256:" + found.hexdigest()


def _runtime(trial: Trial) -> str:
    """The runtime of production; the profile's word when none is installed that runs this format."""
    try:
        return production_runtime(trial)
    except SeatrialError:
        return trial.profile.runtime


def runtime_version(trial: Trial) -> str:
    """The version of the production runtime: what the profile declares, else what is installed here."""
    declared = str(trial.limit("structure.runtime_version", "").value or "")
    runtime = _runtime(trial)
    names = DISTRIBUTIONS.get(runtime, (runtime,))
    return declared or next((version for name in names if (version := lazy.version(name))), "")


def _load(trial: Trial) -> Finding:
    begin = time.monotonic()
    error: SeatrialError | None = None
    try:
        production_session(trial)
    except SeatrialError as broke:
        error = broke
    return judge_load(error, trial.artifact, _runtime(trial), time.monotonic() - begin)


def _not_tried(count: int) -> Finding:
    return Finding(
        "structure.load",
        Verdict.SKIP,
        Text(
            f"not handed to the engine: {count} defects above would make it die or answer nonsense",
            f"未交给推理引擎：上面的 {count} 处缺陷会使其崩溃或给出错误结果",
        ),
        0,
        cause=Text("The files are not sound.", "文件不完好。"),
        fix=Text("Repair the defects above first.", "请先修复上述缺陷。"),
    )


def fingerprints(trial: Trial) -> list[Finding]:
    """Every digest that someone wrote down: in the contract, in lists of sums, in the baseline."""
    findings = []
    by_role = {"graph": trial.artifact.graph, "weights": trial.artifact.weights}
    for key, expected in trial.contract.fingerprints.items():
        if key == "model":
            findings.append(judge_fingerprint("the model", expected, trial.artifact.digest, "contract"))
        elif (path := by_role.get(key)) is not None:
            findings.append(judge_fingerprint(path.name, expected, _digest(path), "contract"))
    for source, name, expected in _written_sums(trial):
        path = next((each.path for each in trial.artifact.files if each.path.name == name), None)
        if path is not None:
            findings.append(judge_fingerprint(name, expected, _digest(path), source))
    return findings


def _digest(path: Path) -> str:
    return "sha256:" + digest_of(path) if path.exists() else "missing"


def _written_sums(trial: Trial) -> Iterator[tuple[str, str, str]]:
    """(source, file name, digest) of every line of the delivered `SHA256SUMS` and `NAME.sha256`."""
    for path in trial.delivered:
        if not path.is_file() or not (path.name.upper().startswith("SHA256SUM") or path.suffix == ".sha256"):
            continue
        with path.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(_LONGEST_LIST)
        for digest, name in _SUMS.findall(text):
            yield path.name, name.rstrip().replace("\\", "/").rpartition("/")[2], digest


def control(trial: Trial) -> Control:
    """A copy of the description with a truncated file, a future version, a live dropout, other bytes."""
    artifact = trial.artifact
    poisoned = replace(artifact, version="PIR 99", format="paddle-json")
    dropout = Operator("dropout:0", "dropout", {"is_test": False}, (), ())
    defect = Problem("parameters-truncated", "control", artifact.graph.name, "")
    findings = [
        *judge_problems(poisoned, [defect]),
        judge_version(poisoned, "paddle", "3.2.2"),
        judge_leftovers([dropout]),
        judge_fingerprint("control", "sha256:" + "0" * 64, artifact.digest, "control"),
    ]
    refused = sum(each.verdict is Verdict.FAIL for each in findings)
    return Control(
        refused == len(findings),
        Text(
            f"a truncated file, a version from the future, a live dropout, other bytes: {refused} of 4 "
            "rejected",
            f"截断的文件、未来的版本、仍在生效的 dropout、被改动的字节：4 项中拒绝了 {refused} 项",
        ),
    )


def record(findings: list[Finding]) -> dict[str, Any]:
    """Figures, the digests of the files and what every operator computes."""
    figures = measured(findings)
    for each in findings:
        figures |= each.data
    return figures


CHECK = Check(
    name="structure",
    order=1,
    title=Text("Structure", "结构"),
    question=Text(
        "Is the exported model whole, of a version that production reads, and does it load?",
        "导出的模型是否完整、版本与生产环境匹配，并且能够加载？",
    ),
    promises=("M01",),
    run=run,
    control=control,
    reads=frozenset({"model", "contract", "profile", "baseline", "delivered", "environment"}),
    record=record,
)
