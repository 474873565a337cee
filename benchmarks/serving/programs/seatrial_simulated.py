"""The simulated device as a runtime of Seatrial: a plug-in, so that `seatrial serve` is measured as it is.

It lives in a worker process like every engine, and is reached over the same shared memory.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial.runtimes._engine import Array, Engine, Runtime, Task


class SimulatedEngine(Engine):
    """Takes as long as the device would, and gives the first column back."""

    def __init__(self) -> None:
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return "1.0"

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._base, self._row = float(os.environ["BENCH_BASE"]), float(os.environ["BENCH_ROW"])
        self._rows = os.environ.get("BENCH_ROWS", "")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        (array,) = feeds.values()
        if self._rows:
            with Path(self._rows).open("a", encoding="ascii") as file:
                file.write(f"{len(array)}\n")
        time.sleep(self._base + self._row * len(array))
        return [array[:, :1].copy()]

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {"threads": 1, "precision": "float32", "operators": {"Gather": 1}}


# A worker's environment is made anew; it gets our figures and the way to this file.
_PATH = [str(Path(__file__).parent), *[each for each in sys.path if (Path(each) / "seatrial").is_dir()]]
RUNTIME = Runtime(
    name="simulated",
    summary="a device that only takes time, for benchmarks",
    formats=("onnx",),
    extra="onnx",
    module="time",
    distribution="seatrial",
    engine=SimulatedEngine,
    environment={
        "PYTHONPATH": os.pathsep.join(_PATH),
        **{name: value for name, value in os.environ.items() if name.startswith("BENCH_")},
    },
)
