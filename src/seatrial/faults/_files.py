"""Files of a model cut, emptied and lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seatrial.faults._edits import edited, release_of
from seatrial.faults._fault import Good, NotApplicable, Release
from seatrial.model import Parameter

# What becomes of a file's bytes; None when the file is gone.
Damage = Callable[[bytes], "bytes | None"]


def broken_graph(good: Good, folder: Path, damage: Damage) -> Release:
    """The good release with its graph file damaged."""
    return _broken(good, folder, good.artifact.graph, damage)


def broken_parameters(good: Good, folder: Path, damage: Damage) -> Release:
    """The good release with its parameters file damaged.

    Raises:
        NotApplicable: The weights lie in the graph file.
    """
    if good.artifact.weights is None:
        raise NotApplicable("the weights lie in the graph file itself")
    return _broken(good, folder, good.artifact.weights, damage)


def broken_weights_file(good: Good, folder: Path, damage: Damage) -> Release:
    """The good release with the file damaged that holds its weights, be it the graph file."""
    return _broken(good, folder, good.artifact.weights or good.artifact.graph, damage)


def last_of(good: Good) -> Parameter:
    """The parameter that lies last in the parameters file.

    Raises:
        NotApplicable: There is no such file, or nothing in it.
    """
    held = [each for each in good.artifact.parameters if each.file == good.artifact.weights and each.nbytes]
    if good.artifact.weights is None or not held:
        raise NotApplicable("the weights lie in the graph file itself")
    return max(held, key=lambda each: each.offset)


def _broken(good: Good, folder: Path, file: Path, damage: Damage) -> Release:
    graph = edited(good, folder)
    target = folder / file.relative_to(good.artifact.graph.parent)
    data = damage(target.read_bytes())
    if data is None:
        target.unlink()
    else:
        target.write_bytes(data)
    return release_of(good, graph)
