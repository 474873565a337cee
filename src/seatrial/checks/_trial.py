"""What a check is given: one model on trial, with its contract, data, profile, baseline and sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from seatrial.checks._finding import Control, Finding, Limit, Scalar, Text
from seatrial.checks._profile import Profile
from seatrial.contract import Contract
from seatrial.contract.sample import HeldOut
from seatrial.errors import SeatrialError
from seatrial.model import open_model
from seatrial.model.artifact import Artifact
from seatrial.runtimes import Session, SessionOptions


@dataclass(frozen=True)
class Baseline:
    """Accepted numbers of an earlier run.

    Attributes:
        name: Given by the person who accepted it.
        model_digest: Digest of the model that was accepted.
        data_digest: Digest of the held-out set.
        preprocess_digest: Digest of the contract's pre- and postprocessing.
        environment_digest: Digest of machine and versions; latency only compares within one.
        model_path: Where the accepted model lay then; may be gone.
        figures: What each check recorded, by check name.
        accepted_by: Person.
        reason: Why.
        accepted_at: UTC.
    """

    name: str
    model_digest: str
    data_digest: str
    preprocess_digest: str
    environment_digest: str
    model_path: str
    figures: Mapping[str, Mapping[str, Any]]
    accepted_by: str
    reason: str
    accepted_at: datetime


def accepted_model(baseline: Baseline) -> Artifact | None:
    """The model that was accepted, where its files still lie and are what they were; else None."""
    if not baseline.model_path:
        return None
    try:
        found = open_model(Path(baseline.model_path))
    except SeatrialError:
        return None
    return found if found.digest == baseline.model_digest else None


class SessionPool(Protocol):
    """Opens sessions in workers and reuses those with equal options; closed by the gate at the end."""

    def get(
        self, runtime: str, options: SessionOptions | None = None, *, artifact: Artifact | None = None
    ) -> Session:
        """A live session of the trial's artifact (or another); opened on first use, reopened when dead."""
        ...

    def runtimes(self) -> Sequence[str]:
        """Installed runtimes that can run the trial's artifact, the profile's deployment runtime first."""
        ...

    def converted(self, format_name: str) -> Artifact:
        """The trial's artifact in another format, converted and verified once per trial.

        Raises:
            SeatrialError: There is no converter, or its result was refused; the message says why.
        """
        ...


@dataclass(frozen=True)
class Trial:
    """One run of the gate. Checks read it and never change it.

    Attributes:
        artifact: The model.
        contract: What goes in and out.
        held_out: Labelled samples.
        profile: Limits, required checks and target runtimes.
        pool: Sessions.
        baseline: Accepted numbers to compare with, or None.
        full: The long tier (`--full`); otherwise the fast one.
        seed: Every random choice starts here.
        scratch: An empty folder for temporary files.
        delivered: Files that will be handed over: model, contract, labels, config, requirements.
        progress: Says what is being done, for the terminal.
    """

    artifact: Artifact
    contract: Contract
    held_out: HeldOut
    profile: Profile
    pool: SessionPool
    baseline: Baseline | None
    full: bool
    seed: int
    scratch: Path
    delivered: tuple[Path, ...]
    progress: Callable[[str], None] = field(default=lambda _: None)

    def limit(self, name: str, default: Scalar, *, unit: str = "", reason: str = "") -> Limit:
        """The bound called `name`, from the contract, else the profile, else `default`."""
        for value, source in (
            (self.contract.limits.get(name), "contract"),
            (self.profile.limits.get(name), f"profile {self.profile.name}"),
        ):
            if value is not None:
                return Limit(value, source, unit)
        return Limit(default, f"check default{': ' + reason if reason else ''}", unit)


def measured(findings: list[Finding]) -> dict[str, Any]:
    """The figure of each finding that measured one, by its id: what a baseline keeps at the least."""
    return {each.id: each.measured for each in findings if each.measured is not None}


# Everything an answer may rest on; seed, tier and version of Seatrial always count too.
INPUTS = frozenset(
    {"model", "contract", "data", "members", "profile", "baseline", "delivered", "environment"}
)


@dataclass(frozen=True)
class Check:
    """One question the gate asks. A file in `checks/` defines one as `CHECK`.

    Attributes:
        name: `structure`, `weights`...
        order: Place in the table, 1 to 10 for the built-in ones; 100 and up for others.
        title: For people.
        question: The question it answers.
        promises: Rows of the mission, such as `("M01",)`.
        run: Looks and answers; one finding for each thing it looked at, PASS ones included.
        control: Feeds the check's own judgement a poisoned copy; must be rejected.
        record: Figures to keep in a baseline, from the findings; JSON-able.
        reads: What its answer rests on, from `INPUTS`; an answer is reused while these are the same. Empty:
            never reused.
        headline: Id of the finding that speaks for the check when it passes, such as `accuracy.score`; when
            empty, the one nearest to its limit does.
    """

    name: str
    order: int
    title: Text
    question: Text
    promises: tuple[str, ...]
    run: Callable[[Trial], list[Finding]]
    control: Callable[[Trial], Control]
    record: Callable[[list[Finding]], dict[str, Any]] = measured
    headline: str = ""
    reads: frozenset[str] = INPUTS
