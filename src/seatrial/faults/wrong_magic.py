"""The graph does not begin as its format does."""

from __future__ import annotations

import json
from pathlib import Path

from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._files import broken_graph
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Writes another magic.

    Raises:
        NotApplicable: The format has none.
    """
    if good.artifact.format != "paddle-json":
        raise NotApplicable(f"{good.artifact.format} graphs have no magic")
    return broken_graph(good, folder, _other_magic)


def _other_magic(data: bytes) -> bytes:
    """PIR names itself in `base_code.magic`."""
    graph = json.loads(data)
    graph.setdefault("base_code", {})["magic"] = "abc"
    return json.dumps(graph, separators=(",", ":")).encode()


FAULT = Fault(
    name="wrong-magic",
    title=Text("the graph's magic is wrong", "计算图的魔数不对"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
)
