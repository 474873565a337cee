"""Paddle 3: the graph as JSON (PIR), the weights in a `.pdiparams` file beside it."""

from __future__ import annotations

from pathlib import Path

from seatrial.model.artifact import Artifact, Operator
from seatrial.model.formats import _edit_pir, _paddle, _pir
from seatrial.model.formats._assemble import broken
from seatrial.model.formats._bytes import head, whole
from seatrial.model.formats._format import Format, Garbled

# 100,000 operators of 700 bytes; what JSON becomes in memory is some twenty times as much.
MAX_BYTES = 128 << 20


def sniff(path: Path) -> bool:
    """Whether the file starts as a PIR program in JSON."""
    data = head(path).lstrip()
    return data.startswith(b"{") and (
        b'"base_code"' in data or (b'"program"' in data and b'"regions"' in data)
    )


def read(path: Path) -> Artifact:
    """The artifact of a `.json` graph."""
    try:
        graph = _pir.parse(whole(path, limit=MAX_BYTES))
    except Garbled as error:
        return broken(path, error, format_name="paddle-json", files=_paddle.files_of(path))
    return _paddle.artifact_of(path, graph, format_name="paddle-json", suffix=".json")


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of a `.json` graph."""
    return _pir.parse(whole(path, limit=MAX_BYTES)).operators


FORMAT = Format(
    name="paddle-json",
    summary="Paddle 3: PIR program as JSON, with .pdiparams",
    suffixes=(".json",),
    sniff=sniff,
    read=read,
    operators=operators,
    edit=_edit_pir.edit,
)
