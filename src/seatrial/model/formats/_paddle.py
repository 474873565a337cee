"""What both formats of Paddle share: a graph file, a parameters file beside it, and what else lies there."""

from __future__ import annotations

from pathlib import Path

from seatrial.model.artifact import Artifact, ModelFile, Problem
from seatrial.model.formats._assemble import assemble
from seatrial.model.formats._bytes import is_regular
from seatrial.model.formats._graph import Graph, problem
from seatrial.model.formats._match import match


def artifact_of(path: Path, graph: Graph, *, format_name: str, suffix: str) -> Artifact:
    """The artifact of a graph that was read, with the parameters beside it."""
    parameters = parameters_beside(path)
    matched = match(graph.declared, parameters, expected=path.with_suffix(".pdiparams").name)
    problems = [*_suffix(path, suffix), *graph.problems, *matched.problems]
    if parameters is not None and not graph.declared and parameters.stat().st_size:
        problems.append(
            problem(
                "parameters-count",
                "the graph has no parameters and the parameters file is not empty",
                parameters.name,
                "put both files of one export together",
            )
        )
    return assemble(
        path,
        graph,
        format_name=format_name,
        files=files_of(path),
        parameters=matched.parameters,
        problems=problems,
    )


def files_of(path: Path) -> list[ModelFile]:
    """The files of one export: graph, parameters, and the pickle that Paddle 2 leaves beside them."""
    files = [ModelFile(path, "graph", path.stat().st_size)]
    parameters = parameters_beside(path)
    if parameters is not None:
        files.append(ModelFile(parameters, "parameters", parameters.stat().st_size))
    # A pickle: Paddle 2's jit.load would execute it. Listed so that it is digested and seen, never opened.
    info = Path(f"{path.with_suffix('')}.pdiparams.info")
    if is_regular(info):
        files.append(ModelFile(info, "other", info.stat().st_size))
    return files


def parameters_beside(path: Path) -> Path | None:
    """The parameters file of a graph file, or None."""
    for candidate in (path.with_suffix(".pdiparams"), path.with_name("__params__")):
        if is_regular(candidate):
            return candidate
    return None


def _suffix(path: Path, suffix: str) -> list[Problem]:
    if path.suffix == suffix:
        return []
    return [
        problem(
            "suffix-wrong",
            f"the file ends in '{path.suffix}', its content is what Paddle writes to '{suffix}'; "
            "Paddle Inference goes by the suffix and dies of the other one",
            path.name,
            f"rename it to {path.stem}{suffix}",
        )
    ]
