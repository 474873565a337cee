"""What a tool's file defines: `TOOL`, and how a tool is looked for.

Imported by worker processes too: standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seatrial import extensions
from seatrial.errors import MissingDependency


@dataclass(frozen=True)
class Found:
    """A tool that is there.

    Attributes:
        path: Its interpreter, program or folder.
        version: For people; empty when it is only told by running it.
    """

    path: Path
    version: str = ""


@dataclass(frozen=True)
class Tool:
    """Something that lies beside Seatrial.

    Attributes:
        name: What `seatrial doctor NAME` says.
        summary: What it is for, one line.
        find: Where it is, or None; looks at files only and runs nothing.
        recipe: Shell lines that get it, `$SIDE` being `side_folder()`; they run under `sh -eu`.
        size: Of what the recipe leaves on the disk, for people: `265 MB`.
        license: Of what it brings.
        variable: Environment variable that names it wherever it is; empty when there is none.
    """

    name: str
    summary: str
    find: Callable[[], Found | None]
    recipe: str
    size: str
    license: str
    variable: str = ""


def side_folder() -> Path:
    """Where tools lie that cannot stand beside the others: `SEATRIAL_SIDE`, or under the home folder."""
    return Path(os.environ.get("SEATRIAL_SIDE") or Path.home() / ".local" / "share" / "seatrial").resolve()


def environment() -> dict[str, str]:
    """What a process without our environment needs to find the tools that we find."""
    named = {each.variable for each in all_tools().values() if each.variable}
    told = {name: os.environ[name] for name in sorted(named) if name in os.environ}
    return {"SEATRIAL_SIDE": str(side_folder()), **told}


def all_tools() -> dict[str, Tool]:
    """Every tool that some engine or converter knows of, by name."""
    return extensions.find("seatrial.tools", "TOOL")


def find(name: str) -> Found | None:
    """Where a tool is, or None.

    Raises:
        NotFound: There is no tool of that name.
    """
    tool: Tool = extensions.get("seatrial.tools", "TOOL", name)
    return tool.find()


def require(name: str) -> Found:
    """Where a tool is.

    Raises:
        MissingDependency: It is not there; the hint says how it is got.
        NotFound: There is no tool of that name.
    """
    found = find(name)
    if found is None:
        raise MissingDependency(
            f"'{name}' is not on this machine",
            hint=how_to_get(name),
        )
    return found


def how_to_get(name: str) -> str:
    """What to do about a tool that is not there."""
    return f"get it with:  seatrial doctor {name} | sh -eu"
