"""Puts an artifact together from what the readers found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seatrial.model.artifact import Artifact, ModelFile, Parameter, Problem
from seatrial.model.formats._digest import digest_of
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import Graph, count, problem
from seatrial.model.formats._uses import refine


def assemble(
    path: Path,
    graph: Graph,
    *,
    format_name: str,
    files: Sequence[ModelFile],
    parameters: Sequence[Parameter],
    problems: Sequence[Problem],
) -> Artifact:
    """The artifact; ranges, layouts and the digest (one pass over the files) are computed here."""
    shapes = {each.name: each.shape for each in parameters}
    inputs, notes = refine(graph.inputs, graph.operators, shapes)
    return Artifact(
        path=path,
        format=format_name,
        files=tuple(files),
        digest=digest_of(files, path.parent),
        version=graph.version,
        inputs=inputs,
        outputs=graph.outputs,
        parameters=tuple(parameters),
        operators=count(graph.operators),
        problems=tuple(problems),
        metadata={**graph.metadata, **notes},
    )


def broken(path: Path, error: Garbled, *, format_name: str, files: Sequence[ModelFile]) -> Artifact:
    """The artifact of a graph that cannot be read: its files, and one problem that says why."""
    defect = problem(
        error.code,
        error.message,
        path.name,
        error.hint or "copy the file again from the export and compare the sizes",
    )
    graph = Graph(version="unreadable")
    return assemble(path, graph, format_name=format_name, files=files, parameters=(), problems=[defect])
