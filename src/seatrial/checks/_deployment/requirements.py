"""Are the versions locked, do they fit together, and are they what is installed? (`M10`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from seatrial import lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAMES = re.compile(r"(requirements|constraints)([-_.].*)?\.(txt|lock|in)|requirements\.lock", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a requirements file.

    Attributes:
        name: Normalised (PEP 503).
        version: The one version it allows, or empty.
        hashed: Whether it names digests of the files.
        requirement: As written, without digests.
        line: From 1.
    """

    name: str
    version: str
    hashed: bool
    requirement: str
    line: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong: `unpinned`, `unhashed`, `unreadable`, `mismatch`, `conflict` or `missing`."""

    code: str
    where: str
    what: str


def read_pins(text: str) -> tuple[list[Pin], list[Flaw]]:
    """Reads a requirements file in pip's format.

    Args:
        text: Continued lines, comments, options and digests included.
    """
    pins: list[Pin] = []
    flaws: list[Flaw] = []
    for number, line in _logical_lines(text):
        plain = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not plain or plain.startswith("-"):
            continue
        hashed = "--hash" in plain
        written = plain.split(" --")[0].strip().rstrip("\\").strip()
        try:
            requirement = Requirement(written)
        except InvalidRequirement as error:
            flaws.append(Flaw("unreadable", f"line {number}", f"{written}: {str(error).splitlines()[0]}"))
            continue
        pins.append(Pin(canonicalize_name(requirement.name), _pinned(requirement), hashed, written, number))
    return pins, flaws


def _logical_lines(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first or number
        held += line.rstrip()
        if held.endswith("\\") and not held.lstrip().startswith("#"):
            held = held[:-1] + " "
            continue
        lines.append((first, held))
        held, first = "", 0
    return [*lines, (first, held)] if held else lines


def _pinned(requirement: Requirement) -> str:
    specifiers = list(requirement.specifier)
    if len(specifiers) == 1 and specifiers[0].operator in {"==", "==="} and "*" not in specifiers[0].version:
        return specifiers[0].version
    return ""


def judge_pins(pins: Iterable[Pin], installed: Callable[[str], str]) -> list[Flaw]:
    """Every line must allow one version, name digests, and be what is installed here.

    Args:
        pins: As read.
        installed: Version of an installed distribution by normalised name, or empty.
    """
    flaws = []
    for pin in pins:
        where = f"line {pin.line}"
        if not pin.version:
            flaws.append(Flaw("unpinned", where, pin.requirement))
            continue
        if not pin.hashed:
            flaws.append(Flaw("unhashed", where, pin.requirement))
        have = installed(pin.name)
        if have and not _same(have, pin.version):
            flaws.append(Flaw("mismatch", where, f"{pin.requirement}, but {have} is installed and was tried"))
    return flaws


def _same(one: str, other: str) -> bool:
    """Whether 2.0 is 2.0.0; a local label (`+cpu`) is another build of the same version."""
    try:
        return Version(Version(one).public) == Version(Version(other).public)
    except InvalidVersion:
        return one == other


def closure(root: str) -> tuple[list[metadata.Distribution], list[Flaw]]:
    """A distribution with everything it needs, and what of that is missing or does not fit.

    Args:
        root: Name of an installed distribution.

    Returns:
        Distributions in alphabetical order, and flaws `missing` and `conflict`.
    """
    found: dict[str, metadata.Distribution] = {}
    flaws: list[Flaw] = []
    waiting: list[tuple[str, str]] = [(canonicalize_name(root), "")]
    while waiting:
        name, wanted_by = waiting.pop()
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            flaws.append(Flaw("missing", wanted_by, name))
            continue
        found[name] = distribution
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append((canonicalize_name(requirement.name), name))
    for name, distribution in found.items():
        flaws += judge_needs(name, distribution.requires or (), lazy.version)
    return [found[name] for name in sorted(found)], flaws


def judge_needs(name: str, requires: Iterable[str], version_of: Callable[[str], str | None]) -> list[Flaw]:
    """Which of a distribution's needs the given versions break.

    Args:
        name: The distribution that needs.
        requires: Its needs, as in its metadata.
        version_of: The version that will be there, by normalised name; empty when not there.
    """
    flaws = []
    for text in requires:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        have = version_of(canonicalize_name(requirement.name))
        if have and not requirement.specifier.contains(have, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            flaws.append(Flaw("conflict", name, f"needs {wanted}, and {have} is there"))
    return flaws
