"""What a converter's file defines: `CONVERTER`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from seatrial import tools
from seatrial.model.artifact import Artifact


class Make(Protocol):
    """Does the work, in a child process, and believes nothing: `convert` compares what it leaves."""

    def __call__(
        self, artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
    ) -> Path:
        """Writes the converted model into an empty folder and returns its graph file.

        Raises:
            ModelError: The model cannot be converted; the message says why.
            UsageError: An option is out of range, or something is not installed.
        """
        ...


@dataclass(frozen=True)
class StandIn:
    """What is run where the result itself cannot run on this machine.

    Attributes:
        graph: Graph file of a model that is the result in all but the kernels; made beside it, not delivered.
        note: What was and what was not executed, for people: `ARM kernels not executed`.
    """

    graph: Path
    note: str


@dataclass(frozen=True)
class Converter:
    """One road from one format to another.

    Attributes:
        name: `<source>_to_<target>` or `<verb>_<format>`.
        summary: One line for `seatrial list converters`.
        sources: Formats it reads.
        target: Format it writes.
        extra: The extra of `seatrial` that installs what it needs.
        available: Whether that is installed.
        make: Does the work.
        options: Options it takes, with their defaults.
        tool: One of `seatrial.tools` that it needs beside `extra`; empty when it needs none.
        stand_in: For a result that no runtime here runs: from the source, the result's graph file and an
            empty folder to what is run in its place.
        tolerance: Largest difference of one element as a part of its output's largest magnitude, for a target
            that cannot keep all digits (float16); 0 for the common one.
        tolerances: The same where an option that costs digits is on, by its name: `{"fp16": 0.01}`.
        never: Formats that look as if it read them and never will be read, each with the reason and what to
            do instead, in words.
        cost: What a route over it costs; routes are compared by their sums.
        lacks: What this machine lacks for it, in words, where that is neither `tool` nor the packages of
            `extra` (a GPU); empty text when it is one of those.
    """

    name: str
    summary: str
    sources: tuple[str, ...]
    target: str
    extra: str
    available: Callable[[], bool]
    make: Make
    options: Mapping[str, Any] = field(default_factory=dict)
    tool: str = ""
    stand_in: Callable[[Artifact, Path, Path], StandIn | None] | None = None
    tolerance: float = 0.0
    tolerances: Mapping[str, float] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)
    cost: int = 1
    lacks: Callable[[], str] | None = None

    def allows(self, options: Mapping[str, Any]) -> float:
        """The tolerance its results have with these options; 0 for the common one."""
        return max([self.tolerance, *(value for name, value in self.tolerances.items() if options.get(name))])

    def reason(self) -> str:
        """Why it is not available, one line; empty when it is."""
        if self.available():
            return ""
        if self.lacks is not None and (told := self.lacks()):
            return told
        if self._tool_is_missing():
            tool = tools.all_tools()[self.tool]
            return f"needs the tool {tool.name} ({tool.size})"
        return f"needs the packages of seatrial[{self.extra}]"

    def how_to_get(self) -> str:
        """What installs what it needs: the recipe of its tool, or a pip line where that is there."""
        if self.tool and (self._tool_is_missing() or not self.extra):
            return tools.how_to_get(self.tool)
        return f"pip install 'seatrial[{self.extra}]'"

    def _tool_is_missing(self) -> bool:
        return bool(self.tool) and tools.find(self.tool) is None
