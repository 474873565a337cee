"""Paddle Lite in a Python that has it (3.8 to 3.10): `python -I paddlelite_side.py`. See `link`."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
link: Any = importlib.import_module("link")
link.own_folder_off_the_path()


class Lite:
    """One `.nb` file in Paddle Lite."""

    def load(self, task: dict[str, Any]) -> dict[str, Any]:
        """Loads the model; `task` as `Task`, and `made_by`, who wrote the file."""
        lite: Any = importlib.import_module("paddlelite.lite")
        version = lite.Opt().version()
        if _numbers(task["engine"]["made_by"]) > _numbers(version):
            raise ValueError(
                f"the file was written by Paddle Lite {task['engine']['made_by']}, this one is {version}"
            )
        self._lite, self._graph = lite, task["graph"]
        self._inputs, self._outputs = task["inputs"], task["engine"]["outputs"]
        self._shapes: Any = None
        self._start()
        # Its OpenMP takes the number of threads from the environment, when it is loaded.
        return {"version": version, "threads": task["threads"], "operators": task["engine"]["operators"]}

    def _start(self) -> None:
        config = self._lite.MobileConfig()
        config.set_model_from_file(self._graph)
        self._predictor = self._lite.create_paddle_predictor(config)

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Infers one batch."""
        shapes = [feeds[name].shape for name in self._inputs]
        if shapes != self._shapes:
            # It keeps buffers of the size before: another height or width is answered wrongly, or it dies.
            if self._shapes is not None:
                self._start()
            self._shapes = shapes
        for place, name in enumerate(self._inputs):
            self._predictor.get_input(place).from_numpy(np.ascontiguousarray(feeds[name]))
        self._predictor.run()
        # A tensor shows its own memory, which the next run writes to.
        return [np.array(self._predictor.get_output(place).numpy()) for place in range(self._outputs)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:2])


if __name__ == "__main__":
    link.serve(Lite())
