"""What the steps of one sample tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class Context:
    """Made anew for each sample.

    Attributes:
        labels: Names by class index, or the dictionary of a text recogniser.
        vocabulary: Tokens by id.
        notes: Facts that a later step needs, by name.
        root: Folder that relative file names start from.
        files: Whether a text may name a file to read.
    """

    labels: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    root: Path = field(default_factory=Path)
    files: bool = True
