"""Answers of earlier runs, kept by the digests of everything they rest on (M11).

A pipeline that runs again with the same bytes need not measure again. Only answers that let a release out
are kept: a check that said no is asked again. A reused answer says when it was measured.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seatrial import __version__
from seatrial.checks._environment import environment_digest
from seatrial.checks._finding import Verdict
from seatrial.checks._report import CheckResult, Report
from seatrial.checks._report_files import read_report, write_all
from seatrial.checks._report_json import to_json
from seatrial.checks._trial import Check, Trial
from seatrial.contract import digest_of_samples
from seatrial.errors import SeatrialError, UsageError

_KEPT = frozenset({Verdict.PASS, Verdict.WARN})


def input_digests(trial: Trial, environment: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each thing an answer may rest on, by the names that `Check.reads` uses."""
    kept, own = trial.baseline, trial.contract
    return {
        "model": trial.artifact.digest,
        "contract": _digest([own.digest(), dict(own.limits), dict(own.fingerprints)]),
        "data": trial.held_out.digest,
        "members": digest_of_samples(trial.held_out.members),
        "profile": _digest(asdict(trial.profile) | {"required": sorted(trial.profile.required)}),
        "baseline": _digest([kept.name, kept.model_digest, kept.accepted_at.isoformat()] if kept else None),
        "delivered": _digest([[each.name, _file_digest(each)] for each in trial.delivered]),
        "environment": environment_digest(environment),
    }


class Answers:
    """A folder of answers that may be used again.

    Args:
        folder: Made when it is not there; CI systems cache it between runs.

    Raises:
        UsageError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder} cannot be used for answers: {error.strerror}") from error

    def find(self, check: Check, trial: Trial, digests: Mapping[str, str]) -> CheckResult | None:
        """The answer of an earlier run with the same inputs, marked with when it was measured."""
        path = self._path(check, trial, digests)
        if not check.reads or not path.exists():
            return None
        try:
            report = read_report(path)
        except SeatrialError:
            return None  # a damaged answer is no answer: the check is asked again
        found = next((each for each in report.results if each.name == check.name), None)
        if found is None or found.verdict not in _KEPT:
            return None
        return replace(found, reused_from=report.started, required=check.name in trial.profile.required)

    def keep(
        self, report: Report, trial: Trial, digests: Mapping[str, str], checks: Mapping[str, Check]
    ) -> None:
        """Keeps what this run measured and found good. A disk that refuses costs only the reuse."""
        texts = {}
        for result in report.results:
            check = checks[result.name]
            if result.verdict in _KEPT and check.reads and not result.reused_from and not result.error:
                name = self._path(check, trial, digests).name
                texts[name] = to_json(replace(report, results=(result,), figures={}))
        with contextlib.suppress(SeatrialError):
            write_all(self._folder, texts)

    def _path(self, check: Check, trial: Trial, digests: Mapping[str, str]) -> Path:
        inputs = {name: digests[name] for name in sorted(check.reads)}
        key = _digest([__version__, check.name, trial.full, trial.seed, inputs])
        return self._folder / f"{check.name}-{key.removeprefix('sha256:')[:32]}.json"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
