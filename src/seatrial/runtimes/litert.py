"""LiteRT on the CPU, in TensorFlow's environment: runs `.tflite` files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.model.ordering import in_order
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced

# The only place where the interpreter tells its operators.
_OPERATORS = "_get_ops_details"


class LiteRtEngine(Engine):
    """An interpreter of LiteRT."""

    def __init__(self) -> None:
        self._litert: Any = lazy.load("ai_edge_litert.interpreter", extra="tensorflow")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return metadata.version("ai-edge-litert")

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._interpreter = self._created()
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the model runs as it is, in {task.native}")

    def _created(self, *, keep: bool = False) -> Any:
        """An interpreter; one that keeps every tensor runs without delegates."""
        resolvers = self._litert.OpResolverType
        plain = keep or not self._task.optimize
        made = self._litert.Interpreter(
            model_path=self._task.graph,
            num_threads=self._task.threads,
            experimental_op_resolver_type=(
                resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else resolvers.AUTO
            ),
            experimental_preserve_all_tensors=keep,
        )
        made.allocate_tensors()
        return made

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        return self._infer(self._interpreter, feeds)

    def _infer(self, interpreter: Any, feeds: Mapping[str, Array]) -> list[Array]:
        # The reader lists the inputs in the graph's order; names may be those of a signature.
        pairs = list(zip(self._task.inputs, interpreter.get_input_details(), strict=True))
        changed = False
        for name, told in pairs:
            if tuple(told["shape"]) != feeds[name].shape:
                interpreter.resize_tensor_input(told["index"], feeds[name].shape)
                changed = True
        if changed:
            interpreter.allocate_tensors()
        for name, told in pairs:
            interpreter.set_tensor(told["index"], np.ascontiguousarray(feeds[name]))
        interpreter.invoke()
        return [interpreter.get_tensor(each) for each in _outputs(interpreter)]

    def trace(self, feeds: Mapping[str, Array]) -> list[Traced]:
        """See `Engine.trace`."""
        interpreter = self._created(keep=True)
        self._infer(interpreter, feeds)
        names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
        traced = []
        for place, operator in enumerate(getattr(interpreter, _OPERATORS)()):
            for index in operator["outputs"]:
                name = f"{operator['op_name']}:{place}"
                try:
                    value = np.array(interpreter.get_tensor(index))
                except ValueError:
                    continue  # a tensor that this run had no need of
                traced.append(Traced(name, operator["op_name"], names.get(index, name), value))
        return traced

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        operators = Counter(each["op_name"] for each in getattr(self._interpreter, _OPERATORS)())
        return {"threads": self._task.threads, "precision": self._task.native, "operators": dict(operators)}


def _outputs(interpreter: Any) -> list[int]:
    """Places of the outputs as the reader lists them: by a signature's names where there is one."""
    signatures = interpreter.get_signature_list()
    if not signatures:
        return [each["index"] for each in interpreter.get_output_details()]
    runner = interpreter.get_signature_runner(next(iter(signatures)))
    told = runner.get_output_details()
    return [told[name]["index"] for name in in_order(told)]


RUNTIME = Runtime(
    name="litert",
    summary="LiteRT, formerly TensorFlow Lite: runs .tflite as a phone does, on this processor",
    formats=("litert",),
    extra="tensorflow",
    module="ai_edge_litert",
    distribution="ai-edge-litert",
    engine=LiteRtEngine,
    tool="tensorflow",
    tool_is_python=True,
)
