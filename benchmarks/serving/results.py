"""What was measured, kept after every single run, so that a bench that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

Row = dict[str, Any]


@dataclass
class Results:
    """All that is in the JSON file.

    Attributes:
        path: Of the file.
        machine: From `machine.description`.
        versions: Installed version by server.
        missing: Why a server, or one of its variants, could not be measured.
        runs: One row a run: server, load, repeat and figures.
    """

    path: Path
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    runs: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Results:
        """The file, or nothing yet."""
        if not path.exists():
            return cls(path)
        data = json.loads(path.read_text("utf-8"))
        return cls(path, data["machine"], data["versions"], data["missing"], data["runs"])

    def write(self) -> None:
        """Keeps everything, atomically."""
        data = {
            "machine": self.machine,
            "versions": self.versions,
            "missing": self.missing,
            "runs": self.runs,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
        fresh.replace(self.path)

    def add(self, row: Row) -> None:
        """Keeps one run; the same run measured before is replaced."""
        same = ("server", "load", "repeat")
        self.runs = [each for each in self.runs if any(each[key] != row[key] for key in same)]
        self.runs.append(row)
        self.write()

    def has(self, server: str, load: str, repeat: int, *, seconds: float) -> bool:
        """Whether this run was measured, for at least so long."""
        return any(
            each["server"] == server and each["load"] == load and each["repeat"] == repeat
            and each["seconds"] >= seconds
            for each in self.runs
        )  # fmt: skip

    def rows(self, server: str, load: str) -> list[Row]:
        """The runs of one server under one load."""
        return [each for each in self.runs if each["server"] == server and each["load"] == load]

    def values(self, server: str, load: str, figure: str) -> list[float]:
        """One figure of each run; `answered.mean_ms` looks deeper."""
        found = []
        for row in self.rows(server, load):
            value: Any = row
            for key in figure.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                found.append(float(value))
        return found

    def middle(self, server: str, load: str, figure: str) -> float | None:
        """The median of a figure over the repeats."""
        values = self.values(server, load, figure)
        return median(values) if values else None

    @property
    def servers(self) -> list[str]:
        """In the order they were measured."""
        return list(dict.fromkeys(each["server"] for each in self.runs))
