"""ncnn on the CPU, in an environment beside this one, row by row: it knows no batch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task, Traced

_RESULT = re.compile(r"out(\d{1,4})")
# Each of them calculates or stores with fewer digits, and is on where the processor can do it.
_SHORTENED = (
    "use_fp16_packed",
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_bf16_storage",
    "use_int8_storage",
    "use_int8_arithmetic",
)
_FASTER = ("use_winograd_convolution", "use_sgemm_convolution", "use_packing_layout")


class NcnnEngine(Engine):
    """A `.param` file and its `.bin` as a net of ncnn."""

    def __init__(self) -> None:
        self._ncnn: Any = lazy.load("ncnn", extra="edge")
        self.notes = []
        self._net: Any = None

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._ncnn.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task = task
        self._layers = _layers(Path(task.graph))
        self._net = self._loaded(keep=False)
        left = list(self._net.output_names())
        self._outputs = sorted(left, key=_number) if all(_RESULT.fullmatch(each) for each in left) else left
        self.notes.append("one row after the other: the format has no batch")
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; it calculates in float32 on this CPU")

    def _loaded(self, *, keep: bool) -> Any:
        """A net; `keep` leaves every blob in memory."""
        net = self._ncnn.Net()
        net.opt.num_threads = self._task.threads
        net.opt.use_vulkan_compute = False
        net.opt.lightmode = not keep
        off = [*_SHORTENED, *(() if self._task.optimize else _FASTER)]
        for name in off:
            if hasattr(net.opt, name):
                setattr(net.opt, name, False)
        if net.load_param(self._task.graph) != 0:
            raise ValueError("ncnn does not take the .param file: a layer that it does not know, or a damage")
        if not self._task.weights or net.load_model(self._task.weights) != 0:
            raise ValueError("ncnn does not take the .bin file: it is missing, shorter, or of another model")
        return net

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        return self._rows(self._net, feeds, self._outputs)

    def _rows(self, net: Any, feeds: Mapping[str, Array], wanted: list[str]) -> list[Array]:
        count = len(next(iter(feeds.values())))
        rows = [
            self._one(net, {name: each[row] for name, each in feeds.items()}, wanted) for row in range(count)
        ]
        return [np.stack(each) for each in zip(*rows, strict=True)]

    def _one(self, net: Any, row: Mapping[str, Array], wanted: list[str]) -> list[Array]:
        extractor = net.create_extractor()
        for name, array in row.items():
            if array.dtype != np.float32:
                raise UsageError(f"ncnn takes float32, '{name}' is {array.dtype}")
            # A `Mat` of an array borrows its memory, which the next feed writes to.
            mat = self._ncnn.Mat(np.ascontiguousarray(array)).clone()
            if extractor.input(name, mat) != 0:
                raise ValueError(f"ncnn has no input '{name}'")
        answers = []
        for name in wanted:
            code, answer = extractor.extract(name)
            if code != 0:
                raise ValueError(f"ncnn ended with {code} on the way to '{name}'")
            answers.append(np.array(answer))
        return answers

    def trace(self, feeds: Mapping[str, Array]) -> Iterable[Traced]:
        """See `Engine.trace`."""
        blobs = [
            (kind, name) for kind, _, made in self._layers if kind not in ("Input", "Split") for name in made
        ]
        values = self._rows(self._loaded(keep=True), feeds, [name for _, name in blobs])
        return [Traced(name, kind, name, value) for (kind, name), value in zip(blobs, values, strict=True)]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        kinds = Counter(kind for kind, _, _ in self._layers if kind != "Input")
        return {"threads": self._task.threads, "precision": self._task.native, "operators": dict(kinds)}


def _number(name: str) -> int:
    return int(name.removeprefix("out"))


def _layers(path: Path) -> list[tuple[str, list[str], list[str]]]:
    """Type, inputs and outputs of each layer."""
    found = []
    for line in path.read_text("utf-8", "replace").splitlines()[2:]:
        words = line.split()
        if len(words) < 4 or not (words[2].isdigit() and words[3].isdigit()):
            continue
        taken, made = int(words[2]), int(words[3])
        found.append((words[0], words[4 : 4 + taken], words[4 + taken : 4 + taken + made]))
    return found


RUNTIME = Runtime(
    name="ncnn",
    summary="ncnn: runs .param with .bin, for phones and small boards",
    formats=("ncnn",),
    extra="",
    module="ncnn",
    distribution="ncnn",
    engine=NcnnEngine,
    tool="edge",
    tool_is_python=True,
)
