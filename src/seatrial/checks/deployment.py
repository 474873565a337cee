"""Is what will be installed complete, locked, and free of what does not belong? (`M10`)."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

from seatrial import lazy
from seatrial.checks._deployment.elf import ElfReport, Need, walk_libraries
from seatrial.checks._deployment.findings import (
    judge_bill,
    judge_completeness,
    judge_flaws,
    judge_floor,
    judge_forbidden,
    judge_machine,
    judge_needs_met,
    judge_size,
)
from seatrial.checks._deployment.package import Installed, altered, expand, forbidden, installed_runtime
from seatrial.checks._deployment.requirements import NAMES, judge_needs, judge_pins, read_pins
from seatrial.checks._deployment.sbom import Materials, build_sbom, validate_sbom, write_sbom
from seatrial.checks._finding import Control, Finding, Limit, Text, Verdict
from seatrial.checks._inference import production_runtime
from seatrial.checks._trial import Check, Trial
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "AArch64", "arm64": "AArch64", "armv7l": "ARM"}
_LONGEST_LOCK = 4_000_000  # characters; a lock of a thousand packages with digests has a tenth of it
SBOM_NAME = "sbom.cdx.json"


def run(trial: Trial) -> list[Finding]:
    """Looks at the runtime's package, the delivered files and their locks; writes the bill of materials."""
    trial.progress("deployment: shared libraries and versions")
    files = expand(trial.delivered)
    findings = [*_delivered(trial, files), *_own_libraries(trial, files), *_locks(files)]
    try:
        runtime = production_runtime(trial)
    except SeatrialError:
        return [*findings, _not_installed(trial.profile.runtime)]
    installed = installed_runtime(runtime)
    if installed is None:
        return [*findings, _not_installed(runtime)]
    findings += _libraries(trial, installed.elf, installed.name)
    findings.append(judge_flaws(list(installed.flaws), len(installed.packages), installed.name))
    findings.append(judge_completeness(installed.name, list(installed.absent), len(installed.packages)))
    if trial.full:
        findings.append(_bytes(installed))
    findings.append(_bill(trial, files, installed))
    return findings


# --- shared libraries ----------------------------------------------------------------------------------


def _libraries(trial: Trial, elf: ElfReport, name: str) -> list[Finding]:
    default = MACHINES.get(platform.machine().lower(), platform.machine())
    return [
        judge_needs_met(elf, name),
        judge_machine(elf, trial.limit("deployment.machine", default, reason="this machine's")),
        judge_floor(
            "glibc",
            elf.glibc,
            elf.glibc_user,
            trial.limit("deployment.glibc", "2.28", reason="Debian 10, RHEL 8"),
            examined=elf.libraries,
        ),
        judge_floor(
            "glibcxx",
            elf.glibcxx,
            elf.glibcxx_user,
            trial.limit("deployment.glibcxx", "3.4.25", reason="GCC 8: Debian 10, RHEL 8"),
            examined=elf.libraries,
        ),
    ]


def _own_libraries(trial: Trial, files: Sequence[Path]) -> list[Finding]:
    """Shared libraries among the delivered files (F46, F47); nothing to say where there are none."""
    elf = walk_libraries(files)
    if not elf.libraries and not elf.unreadable:
        return []
    found = _libraries(trial, elf, "delivered files")
    return [replace(each, id=each.id.replace("deployment.", "deployment.delivered-")) for each in found]


# --- versions ------------------------------------------------------------------------------------------


def _locks(files: Sequence[Path]) -> list[Finding]:
    """Each requirements file among the delivered ones."""
    findings = []
    for path in files:
        if not NAMES.fullmatch(path.name) or path.suffix == ".in":
            continue
        with path.open(encoding="utf-8", errors="replace") as stream:
            pins, flaws = read_pins(stream.read(_LONGEST_LOCK))
        flaws += judge_pins(pins, lazy.version)
        locked = {each.name: each.version for each in pins}
        for pin in pins:
            flaws += judge_needs(pin.name, _needs(pin.name), locked.get)
        findings.append(judge_flaws(flaws, max(len(pins), 1), path.name, name="deployment.lock"))
    return findings


def _needs(name: str) -> list[str]:
    try:
        return metadata.distribution(name).requires or []
    except metadata.PackageNotFoundError:
        return []


def _bytes(installed: Installed) -> Finding:
    changed = altered(installed.packages[[each.name for each in installed.packages].index(installed.name)])
    return Finding(
        "deployment.bytes",
        Verdict.FAIL if changed else Verdict.PASS,
        Text(
            f"{len(changed)} of {installed.elf.libraries} libraries are not the published bytes",
            f"{installed.elf.libraries} 个动态库中有 {len(changed)} 个与发布内容不一致",
        ),
        installed.elf.libraries,
        measured=len(changed),
        limit=Limit(0, "check default: the package's own RECORD"),
        cause=Text("A library was exchanged or damaged.", "动态库被替换或损坏。") if changed else None,
        fix=Text("Install the package again from its source.", "请从来源重新安装该软件包。")
        if changed
        else None,
        where=changed[0] if changed else "",
    )


# --- delivered files -----------------------------------------------------------------------------------


def _delivered(trial: Trial, files: Sequence[Path]) -> list[Finding]:
    size = sum(each.stat().st_size for each in files) / 1e6
    limit = trial.limit("deployment.size_mb", 2048, unit="MB", reason="a download that still works")
    return [judge_forbidden(forbidden(files), len(files)), judge_size(size, limit, len(files))]


def _not_installed(runtime: str) -> Finding:
    return Finding(
        "deployment.libraries",
        Verdict.NOT_EXERCISED,
        Text(f"the runtime '{runtime}' is not installed here", f"本机未安装运行时“{runtime}”"),
        0,
        cause=Text(
            "The package of the runtime is not in this environment.", "当前环境没有该运行时的软件包。"
        ),
        fix=Text("Run the gate where the runtime is installed.", "请在装有该运行时的环境中运行。"),
    )


# --- bill of materials ---------------------------------------------------------------------------------


def _bill(trial: Trial, files: Sequence[Path], installed: Installed) -> Finding:
    data = build_sbom(Materials(trial.artifact, trial.contract, files, installed.packages))
    error = validate_sbom(data)
    path = trial.scratch / "out" / SBOM_NAME
    if not error:
        write_sbom(data, path)
    return judge_bill(data, error)


# --- negative control ----------------------------------------------------------------------------------


def control(trial: Trial) -> Control:
    """A removed library, a system too old, an unlocked version and a notebook must all be rejected."""
    need = Need("libiomp5.so", "libpaddle.so", "absent")
    poisoned = ElfReport(2, machines=("x64",), needs=(need,), glibc=(2, 99), glibc_user="libpaddle.so")
    pins, flaws = read_pins("numpy>=1\n")
    verdicts = [
        judge_needs_met(poisoned, "poisoned").verdict,
        judge_floor("glibc", poisoned.glibc, "libpaddle.so", Limit("2.28", "control"), examined=2).verdict,
        judge_flaws(flaws + judge_pins(pins, lambda _: ""), 1, "poisoned").verdict,
        judge_forbidden(forbidden([trial.artifact.graph.with_name("notes.ipynb")]), 1).verdict,
    ]
    refused = sum(each is Verdict.FAIL for each in verdicts)
    return Control(
        refused == len(verdicts),
        Text(
            f"a removed library, a newer GLIBC, an unlocked version, a notebook: {refused} of 4 rejected",
            f"删除的动态库、过新的 GLIBC、未锁定的版本、笔记本文件：4 项中拒绝了 {refused} 项",
        ),
    )


CHECK = Check(
    name="deployment",
    order=10,
    title=Text("Deployment package", "部署包"),
    question=Text(
        "Is what will be installed complete, locked, and free of what does not belong?",
        "将要安装的内容是否完整、版本已锁定、没有多余文件？",
    ),
    promises=("M10",),
    run=run,
    control=control,
    reads=frozenset(),  # writes the bill of materials, so it runs every time
)
