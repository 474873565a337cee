"""Loads a Paddle layer by its source inside a worker, without Paddle's own unpickling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.runtimes._source import SourceError, built, fitted, guarded, read_paddle, told


def load(graph: str, scratch: str) -> Any:
    """A layer in evaluation mode.

    Args:
        graph: The `*.source.yaml`.
        scratch: An empty folder for copies of code.

    Raises:
        SourceError: The code or the weights are at fault.
    """
    paddle: Any = lazy.load("paddle", extra="paddle")
    paddle.set_device("cpu")
    # Weights that a class makes itself are the same wherever it is built.
    paddle.seed(0)
    source = told(graph)
    layer = built(graph, source, scratch)
    if not isinstance(layer, paddle.nn.Layer):
        raise SourceError(f"'{source.name}' makes a {type(layer).__name__}, expected a paddle.nn.Layer")
    if source.weights:
        given = _weights(source.weights)
        own = {name: tuple(each.shape) for name, each in layer.state_dict().items()}
        fitted(own, {name: tuple(each.shape) for name, each in given.items()})
        layer.set_state_dict({name: paddle.to_tensor(each) for name, each in given.items()})
    guarded(layer.eval, Path(scratch) / "source", f"{source.name}.eval()")
    return layer


def _weights(path: str) -> dict[str, Any]:
    if Path(path).suffix == ".safetensors":
        return dict(lazy.load("safetensors.numpy", extra="paddle").load_file(path))
    return read_paddle(path)
