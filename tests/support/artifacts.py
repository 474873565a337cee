"""Artifacts and small models made by hand, so that the tests of engines need no reader of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.model import Artifact, ModelFile, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from seatrial.contract import TensorSpec


def by_hand(
    graph: Path,
    format_name: str,
    inputs: Sequence[TensorSpec],
    *,
    weights: Path | None = None,
    operators: Mapping[str, int] | None = None,
    parameters: Sequence[Parameter] = (),
    **rest: Any,
) -> Artifact:
    """An artifact that says what the caller says."""
    files = [ModelFile(graph, "graph", 1)]
    if weights is not None:
        files.append(ModelFile(weights, "parameters", 1))
    told = {"outputs": (), "version": "1", "digest": f"sha256:{graph.name}", **rest}
    return Artifact(
        path=graph,
        format=format_name,
        files=tuple(files),
        inputs=tuple(inputs),
        parameters=tuple(parameters),
        operators=dict(operators or {}),
        **told,
    )
