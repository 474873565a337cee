"""What a finding means, in words that do not depend on the run: `_explanations/`, a file a check."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

import yaml

from seatrial.text import Text

_FOLDER = resources.files("seatrial.checks") / "_explanations"


@dataclass(frozen=True)
class Explanation:
    """One finding explained.

    Attributes:
        name: Its id, or a pattern for ids that are made up of what was found: `consistency.*`.
        what: What is looked at.
        why: Why it matters.
        cause: What usually causes it.
        fix: What to do.
        source: Where this is known from: faults by number, issues, papers, measurements.
    """

    name: str
    what: Text
    why: Text
    cause: Text
    fix: Text
    source: str

    @property
    def check(self) -> str:
        """The check that gives this finding."""
        return self.name.partition(".")[0]


@cache
def explanations() -> dict[str, Explanation]:
    """Every explanation by name, in the order of the files."""
    found: dict[str, Explanation] = {}
    for file in sorted(_FOLDER.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yaml"):
            for name, fields in yaml.safe_load(file.read_text("utf-8")).items():
                found[name] = _read(name, fields)
    return found


def _read(name: str, fields: dict[str, Any]) -> Explanation:
    texts = {key: Text(**fields[key]) for key in ("what", "why", "cause", "fix")}
    return Explanation(name=name, source=fields["source"], **texts)


def explanation(finding: str) -> Explanation | None:
    """The explanation of a finding, by its id: its own, else that of the longest pattern that fits it."""
    known = explanations()
    if finding in known:
        return known[finding]
    fitting = [name for name in known if "*" in name and fnmatchcase(finding, name)]
    return known[max(fitting, key=len)] if fitting else None
