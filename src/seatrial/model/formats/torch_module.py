"""PyTorch: a class in a Python file and a checkpoint, or TorchScript, named by a `*.source.yaml`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from seatrial.model.formats._format import Format
from seatrial.model.formats._source import is_source, read_source


def sniff(path: Path) -> bool:
    """Whether the file is a source whose framework is PyTorch."""
    return is_source(path, "torch")


FORMAT = Format(
    name="torch-module",
    summary="PyTorch class with a checkpoint, named by a .source.yaml",
    suffixes=(),
    sniff=sniff,
    read=partial(read_source, format_name="torch-module"),
)
