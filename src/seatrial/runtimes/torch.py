"""PyTorch on the CPU, in an environment of its own: modules by their source, TorchScript, programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes import _hooked, _torch_module
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced
from seatrial.runtimes._source import flat


class TorchEngine(Engine):
    """A PyTorch model in evaluation mode, run eagerly."""

    def __init__(self) -> None:
        self._torch: Any = lazy.load("torch", extra="torch")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._torch.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._torch.set_num_threads(task.threads)
        self._model = _torch_module.load(task.graph, task.format, task.scratch)
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the model runs as it is, in {task.native}")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        with self._torch.inference_mode():
            answer = self._model(*self._tensors(feeds))
        return [each for each in map(self._array, flat(answer)) if each is not None]

    def _tensors(self, feeds: Mapping[str, Array]) -> list[Any]:
        # In the order of `forward`: names of archives are those of their arguments, not of the contract.
        return [self._torch.from_numpy(np.array(feeds[name])) for name in self._task.inputs]

    def _array(self, value: Any) -> Array | None:
        if not isinstance(value, self._torch.Tensor):
            return None
        value = value.detach().cpu()
        array: Array = (value.float() if value.dtype == self._torch.bfloat16 else value).numpy()
        return array

    def trace(self, feeds: Mapping[str, Array]) -> Iterable[Traced]:
        """See `Engine.trace`: leaf modules, or every node of an exported program."""
        if self._task.format == "torch-exported":
            return self._interpreted(feeds)
        found = self._leaves()
        if not found:
            raise UsageError("this archive has no modules that could be followed")
        return _hooked.followed(
            found,
            lambda module, hook: module.register_forward_hook(hook),
            lambda: self.run(feeds),
            self._copied,
        )

    def _copied(self, value: Any) -> Array | None:
        array = self._array(value)
        return None if array is None else array.copy()

    def _interpreted(self, feeds: Mapping[str, Array]) -> list[Traced]:
        fx: Any = lazy.load("torch.fx", extra="torch")
        copied, traced = self._copied, []

        class Following(fx.Interpreter):  # type: ignore[misc]
            def run_node(self, node: Any) -> Any:
                value = super().run_node(node)
                array = copied(value) if node.op.startswith("call") else None
                if array is not None:
                    kind = str(getattr(node.target, "__name__", node.target)).partition(".")[0]
                    traced.append(Traced(node.name, kind, node.name, array))
                return value

        with self._torch.inference_mode():
            Following(self._model).run(*self._tensors(feeds))
        return traced

    def _leaves(self) -> dict[str, Any]:
        return _hooked.leaves(self._model.named_modules(), lambda each: each.children())

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {
            "threads": self._torch.get_num_threads(),
            "precision": self._task.native,
            "operators": self._operators(),
        }

    def _operators(self) -> dict[str, int]:
        if self._task.format == "torch-exported":
            nodes = [each for each in self._model.graph.nodes if each.op == "call_function"]
            return dict(
                Counter(
                    str(each.target).partition(".")[2].partition(".")[0] or str(each.target) for each in nodes
                )
            )
        if hasattr(self._model, "inlined_graph"):
            kinds = (each.kind() for each in self._model.inlined_graph.nodes())
            return dict(Counter(each.partition("::")[2] for each in kinds if each.startswith("aten::")))
        return _hooked.kinds(self._leaves()) or {type(self._model).__name__: 1}


RUNTIME = Runtime(
    name="torch",
    summary="PyTorch: runs modules, TorchScript and exported programs as they are",
    formats=("torch-module", "torchscript", "torch-exported"),
    extra="torch",
    module="torch",
    distribution="torch",
    engine=TorchEngine,
    tool="torch",
    tool_is_python=True,
)
