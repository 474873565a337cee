"""MNN on the CPU, in an environment beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task

_CPU = 0
# What it calculates with; wider integers are handed over in 32 bits where they fit.
_DTYPES = {"float32": "float", "int32": "int", "uint8": "uint8"}
_INT32 = np.iinfo(np.int32)


class MnnEngine(Engine):
    """An `.mnn` file as a module of MNN."""

    def __init__(self) -> None:
        self._mnn: Any = lazy.load("MNN", extra="edge")
        self._nn: Any = lazy.load("MNN.nn", extra="edge")
        self._expr: Any = lazy.load("MNN.expr", extra="edge")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._mnn.version())

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        config = {"backend": _CPU, "numThread": task.threads, "precision": "high"}
        self._manager = self._nn.create_runtime_manager((config,))
        # Asked without names first: which outputs there are is only in the file.
        told = self._loaded([], []).get_info()
        self._module = self._loaded(list(task.inputs), list(told["outputNames"]))
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; it calculates in {task.native} on this CPU")
        if not task.optimize:
            self.notes.append("the file was optimised when it was made: there is nothing to switch off")

    def _loaded(self, inputs: list[str], outputs: list[str]) -> Any:
        try:
            return self._nn.load_module_from_file(
                self._task.graph, inputs, outputs, runtime_manager=self._manager
            )
        except SystemError as error:  # what it raises of its own is lost on the way through C
            raise ValueError("MNN does not take the file") from error

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        answer = self._module.forward([self._variable(feeds[name]) for name in self._task.inputs])
        outputs = answer if isinstance(answer, list | tuple) else [answer]
        return [self._array(each) for each in outputs]

    def _variable(self, array: Array) -> Any:
        if array.dtype == np.int64 and array.min() >= _INT32.min and array.max() <= _INT32.max:
            array = array.astype(np.int32)
        kind = _DTYPES.get(array.dtype.name)
        if kind is None:
            raise UsageError(f"MNN takes {', '.join(_DTYPES)}, not {array.dtype}")
        made = self._expr.placeholder(list(array.shape), self._expr.NCHW, getattr(self._expr, kind))
        made.write(np.ascontiguousarray(array))
        return made

    def _array(self, variable: Any) -> Array:
        plain = self._expr.convert(variable, self._expr.NCHW)
        return np.array(plain.read())

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {"threads": self._task.threads, "precision": self._task.native, "operators": {}}


RUNTIME = Runtime(
    name="mnn",
    summary="MNN: runs .mnn, for phones and small boards",
    formats=("mnn",),
    extra="",
    module="MNN",
    distribution="MNN",
    engine=MnnEngine,
    tool="edge",
    tool_is_python=True,
)
