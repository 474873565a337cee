"""Paddle dygraph on the CPU: runs a layer as training ran it, before any export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.runtimes import _hooked, _paddle_layer
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced
from seatrial.runtimes._source import flat


class PaddleEagerEngine(Engine):
    """A layer in evaluation mode, run eagerly."""

    def __init__(self) -> None:
        # libpaddle exports zlib symbols of its own; whoever loads first wins, and it must not be Paddle.
        lazy.load("zlib", extra="paddle")
        self._paddle: Any = lazy.load("paddle", extra="paddle")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._paddle.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._paddle.base.core.set_num_threads(task.threads)
        self._layer = _paddle_layer.load(task.graph, task.scratch)
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the layer runs as it is, in {task.native}")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        with self._paddle.no_grad():
            tensors = [self._paddle.to_tensor(np.array(feeds[name])) for name in self._task.inputs]
            answer = self._layer(*tensors)
        return [each for each in map(self._array, flat(answer)) if each is not None]

    def _array(self, value: Any) -> Array | None:
        if not isinstance(value, self._paddle.Tensor):
            return None
        array: Array = np.array(value.numpy())
        return array

    def trace(self, feeds: Mapping[str, Array]) -> Iterable[Traced]:
        """See `Engine.trace`: the leaf layers."""
        return _hooked.followed(
            self._leaves(),
            lambda layer, hook: layer.register_forward_post_hook(hook),
            lambda: self.run(feeds),
            self._array,
        )

    def _leaves(self) -> dict[str, Any]:
        return _hooked.leaves(self._layer.named_sublayers(), lambda each: each.children())

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {
            "threads": self._task.threads,
            "precision": self._task.native,
            "operators": _hooked.kinds(self._leaves()) or {type(self._layer).__name__: 1},
        }


RUNTIME = Runtime(
    name="paddle-eager",
    summary="Paddle dygraph: runs a layer as training ran it, before any export",
    formats=("paddle-layer",),
    extra="paddle",
    module="paddle",
    distribution="paddlepaddle",
    engine=PaddleEagerEngine,
)
