"""What a self-test found, as data: one row a broken release, one row a good one, and the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from seatrial.text import Text

SCHEMA = "seatrial/selftest/1"


class Mark(StrEnum):
    """What one check said of one release.

    `NO` is a failure that the check saw in the release itself. `DIGEST` is a failure that only compared
    digests with those of the good release. `NO_ANSWER` is a required check that broke, or could not tell:
    the gate says no then too. `REFUSED` is a release that could not even be read.
    """

    NO = "no"
    DIGEST = "digest"
    NO_ANSWER = "no-answer"
    REFUSED = "refused"
    WARNED = "warned"
    YES = "yes"
    SKIPPED = "skipped"
    NOT_ASKED = "not-asked"


SAW = frozenset({Mark.NO, Mark.REFUSED})
BY_BEHAVIOR = SAW | {Mark.NO_ANSWER}
SAID_NO = BY_BEHAVIOR | {Mark.DIGEST}


class Status(StrEnum):
    """What became of one broken release."""

    CAUGHT = "caught"
    MISSED = "missed"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"


@dataclass(frozen=True)
class FaultRow:
    """One broken release and what the gate said.

    Attributes:
        name: Of the fault.
        number: Its number in docs/reference/faults.md, or empty.
        title: What was wrong with the release.
        kind: Which part was broken.
        status: `caught`, `missed`, `not-applicable`, or `error` when the self-test itself failed on it.
        expected: Checks of which at least one should say no.
        marks: What each check said, by its name.
        first: The first check, in the order of checks, that saw it in the release itself; else the first
            that saw other digests; empty when none did.
        finding: Id of the finding it said no with.
        said: That finding in one sentence.
        digest_only: Nothing but a digest gave it away.
        equivalent: Why no answer in float32 shows it, for faults that declare it.
        why: Why it is not applicable, or what broke.
        seconds: From the start of the gate to its verdict.
        seed: It was made with.
    """

    name: str
    number: str
    title: Text
    kind: str
    status: Status
    expected: tuple[str, ...]
    seed: int
    marks: Mapping[str, Mark] = field(default_factory=dict)
    first: str = ""
    finding: str = ""
    said: Text | None = None
    digest_only: bool = False
    equivalent: Text | None = None
    why: str = ""
    seconds: float = 0.0

    @property
    def applicable(self) -> bool:
        """Whether it could happen to this release."""
        return self.status is not Status.NOT_APPLICABLE

    @property
    def caught(self) -> bool:
        """Whether the gate said no."""
        return self.status is Status.CAUGHT

    @property
    def elsewhere(self) -> bool:
        """Caught, and by none of the checks that were expected to."""
        named = [self.marks.get(each, Mark.NOT_ASKED) in SAID_NO for each in self.expected]
        return self.caught and bool(named) and not any(named)

    def seen_by(self) -> tuple[str, ...]:
        """Checks that saw it in the release itself; one that merely could not answer is none of them."""
        return tuple(name for name, mark in self.marks.items() if mark in SAW)


@dataclass(frozen=True)
class GoodRow:
    """One good release, made another way, and whether the gate let it pass.

    Attributes:
        variant: How it was made.
        title: The same for people.
        seed: Of the gate.
        status: `passed`, `refused`, `not-applicable`, or `error` when the self-test itself failed on it.
        asked: Checks that were asked.
        why: The gate's reason when it refused; why it is not applicable; what broke.
        seconds: From the start of the gate to its verdict.
    """

    variant: str
    title: Text
    seed: int
    status: str
    asked: tuple[str, ...] = ()
    why: Text | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Bound:
    """A rate with its exact upper bound.

    Attributes:
        hits: How often it happened.
        n: Of how many.
        high: 95 % upper bound of the rate (Clopper and Pearson 1934, one-sided; 3/n for no hit, as the rule
            of three says).
    """

    hits: int
    n: int
    high: float


@dataclass(frozen=True)
class CheckScore:
    """What one check contributed.

    Attributes:
        name: Of the check.
        title: For people.
        kills: Broken releases it saw by themselves, not by a digest.
        unique: Those that no other check saw by themselves; None after a quick run, which does not tell.
        digests: Those it knew by a digest only.
        asked: How many it was asked about.
        seconds: Median time it took.
    """

    name: str
    title: Text
    kills: int
    unique: int | None
    digests: int
    asked: int
    seconds: float


@dataclass(frozen=True)
class Scores:
    """The figures of a self-test.

    Attributes:
        applicable: Broken releases that could be made.
        caught: Those the gate said no to.
        behavior_applicable: Those without declared equivalents.
        behavior_caught: Those it saw in the release itself, with no digest.
        equivalents: Declared equivalents among the applicable.
        digest_only: Caught by a digest and nothing else.
        missed: Names of those that went through.
        errors: Names of those the self-test itself failed on.
        elsewhere: Names of those caught by another check than expected.
        false_alarms: Good releases refused.
        checks: What each check contributed.
    """

    applicable: int
    caught: int
    behavior_applicable: int
    behavior_caught: int
    equivalents: int
    digest_only: int
    missed: tuple[str, ...]
    errors: tuple[str, ...]
    elsewhere: tuple[str, ...]
    false_alarms: Bound
    checks: tuple[CheckScore, ...]

    @property
    def score(self) -> float:
        """Caught of applicable; 0 when there was nothing to catch."""
        return self.caught / self.applicable if self.applicable else 0.0

    @property
    def behavior_score(self) -> float:
        """Caught without a digest, of those that are no declared equivalents."""
        return self.behavior_caught / self.behavior_applicable if self.behavior_applicable else 0.0


@dataclass(frozen=True)
class SelfTest:
    """Everything one self-test found.

    Attributes:
        model: `name, path, format, version, digest, size` of the good model.
        subject: Digests it was made with: `model, data, preprocess, contract, environment`.
        profile: Name of the profile.
        members: Whether training samples were given.
        pinned: Which digests the contract of every release carried.
        checks: Names of all checks, in their order.
        titles: Titles of the checks, by name.
        faults: One row a broken release.
        good: One row a good release.
        scores: The figures.
        seed: Of the run.
        quick: Each release was let go at the first check that said no.
        interrupted: It was stopped before its end; what is missing was not asked.
        planned: How many releases were to be judged.
        jobs: Processes at a time.
        environment: Machine and versions.
        started: ISO 8601, UTC.
        seconds: Of the whole run.
        seatrial: Version of Seatrial.
        command: As typed.
    """

    model: Mapping[str, Any]
    subject: Mapping[str, str]
    profile: str
    members: bool
    pinned: tuple[str, ...]
    checks: tuple[str, ...]
    titles: Mapping[str, Text]
    faults: tuple[FaultRow, ...]
    good: tuple[GoodRow, ...]
    scores: Scores
    seed: int
    quick: bool
    interrupted: bool
    planned: int
    jobs: int
    environment: Mapping[str, Any]
    started: str
    seconds: float
    seatrial: str
    command: str
    schema: str = SCHEMA

    @property
    def passed(self) -> bool:
        """Every applicable fault was caught, and no good release refused; and something was asked."""
        asked = bool(self.scores.applicable or self.scores.false_alarms.n)
        failed = bool(self.scores.missed or self.scores.errors or self.scores.false_alarms.hits)
        broke = any(each.status == "error" for each in self.good)
        return asked and not (failed or broke or self.interrupted)
