"""Paddle 2: the graph as protobuf (`ProgramDesc`), the weights in a `.pdiparams` file beside it."""

from __future__ import annotations

from pathlib import Path

from seatrial.model.artifact import Artifact, Operator
from seatrial.model.formats import _edit_program, _paddle, _program
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._assemble import broken
from seatrial.model.formats._bytes import head, whole
from seatrial.model.formats._format import Format, Garbled

# A program without weights; the largest published ones are a few megabytes.
MAX_BYTES = 128 << 20


def sniff(path: Path) -> bool:
    """Whether the file starts with the first block of a `ProgramDesc`: index 0 and no parent."""
    data = memoryview(head(path, 64))
    if len(data) < 4 or data[0] != 0x0A:
        return False
    try:
        _, start = protobuf.varint(data, 1)
    except Garbled:
        return False
    return bytes(data[start : start + 3]) == b"\x08\x00\x10"


def read(path: Path) -> Artifact:
    """The artifact of a `.pdmodel` graph."""
    try:
        graph = _program.parse(memoryview(whole(path, limit=MAX_BYTES)))
    except Garbled as error:
        return broken(path, error, format_name="paddle-pdmodel", files=_paddle.files_of(path))
    return _paddle.artifact_of(path, graph, format_name="paddle-pdmodel", suffix=".pdmodel")


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of a `.pdmodel` graph; slots are in the attributes `in.<slot>` and `out.<slot>`."""
    return _program.parse(memoryview(whole(path, limit=MAX_BYTES))).operators


FORMAT = Format(
    name="paddle-pdmodel",
    summary="Paddle 2: ProgramDesc, with .pdiparams",
    suffixes=(".pdmodel",),
    sniff=sniff,
    read=read,
    operators=operators,
    edit=_edit_program.edit,
)
