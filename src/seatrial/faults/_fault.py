"""What a file in `faults/` defines: one way in which a good release becomes a broken one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seatrial.contract import Contract, HeldOut
from seatrial.errors import UsageError
from seatrial.model import Artifact
from seatrial.runtimes import Runtime
from seatrial.text import Text

Kind = Literal["file", "weights", "graph", "pipeline", "labels", "data", "service", "delivery", "gate"]


class NotApplicable(UsageError):
    """This fault cannot happen to this release; the message says why, in a few words."""


@dataclass(frozen=True)
class Release:
    """What would be released, and the conditions it is judged under.

    Attributes:
        model: The graph file, in a folder of its own with everything that belongs to it. It may be broken:
            nobody has read it yet.
        contract: What goes in and out.
        held_out: Labelled samples.
        delivered: Files that are handed over beside the model's own.
        profile: Changes of the deployment profile, by field name of `seatrial.checks.Profile`.
        behavior: Makes another runtime of the one that would serve the model: a service that leaks, stalls
            or shares what it must not. None: the runtime as it is.
    """

    model: Path
    contract: Contract
    held_out: HeldOut
    delivered: tuple[Path, ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)
    behavior: Callable[[Runtime], Runtime] | None = None


@dataclass(frozen=True)
class Good:
    """The user's own good release, as a fault takes it apart.

    Attributes:
        release: The good release; a fault never changes its files.
        artifact: Its model, read.
        other: Weights of another run of the same training (same shapes), or None when the user gave none.
    """

    release: Release
    artifact: Artifact
    other: Artifact | None = None

    @property
    def contract(self) -> Contract:
        """The good contract."""
        return self.release.contract


@dataclass(frozen=True)
class Fault:
    """One kind of broken release.

    Attributes:
        name: As its file, with hyphens: `channels-swapped`.
        title: What is wrong with the release, in half a sentence.
        kind: Which part is broken.
        checks: Checks of which at least one must say no. The others may or may not.
        make: Makes the broken release from the good one. Takes the good release, an empty folder for new
            files, and a seed: the same seed gives the same release, another seed another instance where the
            kind has several. Raises `NotApplicable` where it cannot happen to this release.
        number: Its number in `docs/reference/faults.md`, such as `F23`; empty when it has none there.
        cause: Name of the hypothesis (`diagnosis/hypotheses/`) that explains it; empty when nothing about
            its answers needs explaining.
        identity_only: Why no float32 answer shows it, for equivalent mutants that only a digest can see.
        needs: What the gate must be given to see it: `baseline`, `members`, `full`.
    """

    name: str
    title: Text
    kind: Kind
    checks: frozenset[str]
    make: Callable[[Good, Path, int], Release]
    number: str = ""
    cause: str = ""
    identity_only: Text | None = None
    needs: frozenset[str] = frozenset()
