"""What a converter's file defines: `CONVERTER`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

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
    """

    name: str
    summary: str
    sources: tuple[str, ...]
    target: str
    extra: str
    available: Callable[[], bool]
    make: Make
    options: Mapping[str, Any] = field(default_factory=dict)
