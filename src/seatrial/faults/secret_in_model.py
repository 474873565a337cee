"""A key lies in the model's own file, where its format has room for notes."""

from __future__ import annotations

import json
from pathlib import Path

from seatrial.faults._delivery import field
from seatrial.faults._edits import edited, release_of
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._secrets import planted
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    graph = edited(good, folder)
    data = graph.read_bytes()
    if good.artifact.format == "onnx":  # messages may be put together by appending: one more metadata entry
        data += field(14, field(1, "notes") + field(2, planted(seed)))
    elif good.artifact.format == "paddle-json":
        document = json.loads(data)
        data = json.dumps({**document, "notes": planted(seed)}).encode()
    else:
        raise NotApplicable(f"{good.artifact.format} has no room for notes")
    graph.write_bytes(data)
    return release_of(good, graph)


FAULT = Fault(
    name="secret-in-model",
    title=Text("a key lies in the model's own file", "模型文件里藏有密钥"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F40",
)
