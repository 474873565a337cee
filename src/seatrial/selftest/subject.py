"""The good release that everything starts from: read, pinned, and accepted as the baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from seatrial.checks import Baseline, Profile, Report
from seatrial.contract import Contract, fingerprinted, read_held_out
from seatrial.errors import UsageError
from seatrial.faults import Fault, Good, Release, all_faults
from seatrial.model import Artifact, open_model

Catalogue = Callable[[], Mapping[str, Fault]]


@dataclass(frozen=True)
class Subject:
    """What the user named. It crosses into other processes, so it holds paths and plain data only.

    Attributes:
        model: Graph file or folder of the good model.
        data: Held-out set.
        contract: What goes in and out.
        profile: Where the model will run.
        members: Training samples, or None.
        delivered: Files handed over beside those in the model's folder.
        other: Weights of another run of the same training, or None.
        limit: Read at most this many samples.
        catalogue: Gives the faults; another one in tests.
    """

    model: Path
    data: Path
    contract: Contract
    profile: Profile
    members: Path | None = None
    delivered: tuple[Path, ...] = ()
    other: Path | None = None
    limit: int | None = None
    catalogue: Catalogue = all_faults


def read_good(subject: Subject) -> Good:
    """The good release of a subject, with the digests of its files pinned in its contract.

    Raises:
        SeatrialError: Something named cannot be read, or the model has defects.
    """
    artifact = open_model(subject.model)
    if artifact.problems:
        first = artifact.problems[0]
        raise UsageError(
            f"the good model has a defect: {first.where}: {first.message}",
            hint=first.hint or "see: seatrial inspect MODEL",
        )
    contract = pinned(subject.contract, artifact)
    held_out = read_held_out(subject.data, contract=contract, members=subject.members, limit=subject.limit)
    release = Release(artifact.graph, contract, held_out, subject.delivered)
    return Good(release, artifact, open_model(subject.other) if subject.other is not None else None)


def pinned(contract: Contract, artifact: Artifact) -> Contract:
    """The contract with the digests of labels, vocabulary, graph and weights, as a release carries them."""
    digests = {"graph": _digest(artifact.graph)}
    if artifact.weights is not None:
        digests["weights"] = _digest(artifact.weights)
    whole = fingerprinted(contract)
    return replace(whole, fingerprints={**whole.fingerprints, **digests})


def unpinned(contract: Contract) -> Contract:
    """The contract without the digests of files, for a model that was written anew."""
    lists = {"labels", "vocabulary"}
    kept = {key: value for key, value in contract.fingerprints.items() if key in lists}
    return replace(contract, fingerprints=kept)


def baseline_of(report: Report, clock: Callable[[], datetime]) -> Baseline:
    """The figures of the good run as an accepted baseline, as `seatrial baseline accept` makes one."""
    return Baseline(
        name="good",
        model_digest=report.subject["model"],
        data_digest=report.subject["data"],
        preprocess_digest=report.subject["preprocess"],
        environment_digest=report.subject["environment"],
        model_path=str(report.model["path"]),
        figures=report.figures,
        accepted_by="self-test",
        reason="the good release of this self-test",
        accepted_at=clock(),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
