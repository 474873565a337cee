"""ExecuTorch on the CPU, in the environment of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.runtimes._engine import Array, Engine, Runtime, Task


class ExecuTorchEngine(Engine):
    """The method `forward` of a `.pte` file."""

    def __init__(self) -> None:
        self._torch: Any = lazy.load("torch", extra="torch")
        self._library: Any = lazy.load("executorch.extension.pybindings.portable_lib", extra="torch")
        self._runtime: Any = lazy.load("executorch.runtime", extra="torch")
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return lazy.version("executorch")

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._torch.set_num_threads(1)
        reset = getattr(self._library, "_unsafe_reset_threadpool", None)
        if reset is not None:
            reset(task.threads)
        else:
            self.notes.append("the number of threads cannot be set; it takes as many as there are cores")
        program = self._runtime.Runtime.get().load_program(task.graph)
        self._method = program.load_method("forward")
        self._kernels = program  # its constants are used where they lie
        meta = self._method.metadata
        self._sizes = [tuple(meta.input_tensor_meta(place).sizes()) for place in range(meta.num_inputs())]
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the program is lowered for {task.native}")
        if not task.optimize:
            self.notes.append("the program was lowered when it was made: there is nothing to switch off")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`: a batch above the largest that memory is planned for goes in pieces."""
        arrays = [np.ascontiguousarray(feeds[name]) for name in self._task.inputs]
        rows, most = self._rows(arrays)
        if not most or rows <= most:
            return self._once(arrays)
        note = f"batches of more than {most} go in pieces: memory is planned for that many rows"
        if note not in self.notes:
            self.notes.append(note)
        parts = [self._once([each[at : at + most] for each in arrays]) for at in range(0, rows, most)]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _rows(self, arrays: list[Array]) -> tuple[int, int]:
        """Rows of the feeds and the most that one run takes; 0 where the inputs do not share a batch."""
        rows = {each.shape[0] for each in arrays if each.ndim}
        most = {each[0] for each in self._sizes if each}
        shared = len(rows) == len(most) == 1 and all(each.ndim for each in arrays)
        return (rows.pop(), most.pop()) if shared else (0, 0)

    def _once(self, arrays: list[Array]) -> list[Array]:
        # The program may write to what it is given, and its answers lie in memory that the next run uses.
        tensors = tuple(self._torch.from_numpy(np.array(each)) for each in arrays)
        return [each.detach().numpy().copy() for each in self._method.execute(tensors)]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {"threads": self._task.threads, "precision": self._task.native, "operators": {}}


RUNTIME = Runtime(
    name="executorch",
    summary="ExecuTorch: runs .pte, PyTorch programs for phones",
    formats=("executorch",),
    extra="",
    module="executorch",
    distribution="executorch",
    engine=ExecuTorchEngine,
    tool="torch",
    tool_is_python=True,
)
