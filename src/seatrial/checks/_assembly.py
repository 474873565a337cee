"""From a release candidate to a trial with its sessions: the same for every command that runs the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.checks._profile import Profile
from seatrial.checks._trial import Baseline, Trial
from seatrial.contract import Contract, HeldOut, feeds_of
from seatrial.model import Artifact
from seatrial.runtimes import Pool, Runtime

# `seatrial.converters.convert`, handed in: checks and converters do not know each other.
Convert = Callable[..., Any]


@dataclass(frozen=True)
class Candidate:
    """What would be released, and how it is to be judged.

    Attributes:
        artifact: The model, read.
        contract: What goes in and out.
        held_out: Labelled samples.
        profile: Limits, required checks, runtimes.
        delivered: Files handed over beside those in the model's folder.
        baseline: Accepted numbers to compare with, or None.
        full: The long tier.
        seed: Every random choice starts here.
        behavior: Makes another runtime of the one that serves; None: the runtime as it is.
    """

    artifact: Artifact
    contract: Contract
    held_out: HeldOut
    profile: Profile
    delivered: tuple[Path, ...] = ()
    baseline: Baseline | None = None
    full: bool = False
    seed: int = 7
    behavior: Callable[[Runtime], Runtime] | None = None


@contextmanager
def open_trial(
    candidate: Candidate,
    scratch: Path,
    *,
    convert: Convert,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Trial]:
    """The trial of a candidate; every session it opened is closed at the end.

    Args:
        candidate: What is judged.
        scratch: An empty folder for temporary files and conversions.
        convert: `seatrial.converters.convert`, or something with its arguments.
        progress: Says what is being done.
    """
    artifact, profile = candidate.artifact, candidate.profile

    def converted(target: str) -> Artifact:
        progress(f"converting to {target}")
        # Made-up batches, lengths and sizes come on top, and consistency compares the result again.
        samples = feeds_of(candidate.contract, candidate.held_out, limit=32 if candidate.full else 12)
        made = convert(artifact, target, scratch / f"as-{target}", samples=samples, progress=progress)
        result: Artifact = made.artifact
        return result

    with Pool(artifact, preferred=profile.runtime, convert=converted, behavior=candidate.behavior) as pool:
        yield Trial(
            artifact=artifact,
            contract=candidate.contract,
            held_out=candidate.held_out,
            profile=profile,
            pool=pool,
            baseline=candidate.baseline,
            full=candidate.full,
            seed=candidate.seed,
            scratch=scratch,
            delivered=delivered_files(artifact, candidate.delivered),
            progress=progress,
        )


def delivered_files(artifact: Artifact, beside: tuple[Path, ...]) -> tuple[Path, ...]:
    """The model's own files, everything else in its folder, and what is handed over beside it."""
    folder = artifact.graph.parent
    files = {each.path for each in artifact.files} | {each for each in folder.rglob("*") if each.is_file()}
    return tuple(sorted(files | set(beside)))
