"""What a file in this folder defines, and how a reader gives up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import ModelError

if TYPE_CHECKING:
    from seatrial.model.artifact import Artifact, Operator
    from seatrial.model.formats._edit import Changes


@dataclass(frozen=True, slots=True)
class Format:
    """One way to store a model.

    Attributes:
        name: `paddle-json`, `onnx`...
        summary: One line for people.
        suffixes: Suffixes of its graph file; only used when the content no longer says what it was.
        sniff: Whether a regular file has this format's content; reads a few bytes and never raises.
        read: The artifact of a graph file; defects become its `problems`.
        operators: The operators of a graph file in order, control-flow bodies included, or None when the
            format's graph is not read that far.
        edit: The bytes of a graph file with changes, or None when the format cannot be edited.
    """

    name: str
    summary: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Path], bool]
    read: Callable[[Path], Artifact]
    operators: Callable[[Path], tuple[Operator, ...]] | None = None
    edit: Callable[[bytes, Changes], bytes] | None = None


class Garbled(ModelError):
    """The bytes are not what the format prescribes. Readers turn it into a `Problem`.

    Args:
        message: What is there and what was expected.
        code: Code of the problem it becomes.
        hint: What usually causes it.
    """

    def __init__(self, message: str, *, code: str = "graph-garbage", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
