"""Paddle Inference of another processor: `python -I paddle_side.py [FOLDER]`, which has it. See `link`."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), *sys.argv[1:]]
link: Any = importlib.import_module("link")
link.own_folder_off_the_path()


class Paddle:
    """One graph in a predictor."""

    def load(self, task: dict[str, Any]) -> dict[str, Any]:
        """Loads the model; `task` as `Task`."""
        paddle: Any = importlib.import_module("paddle")
        inference: Any = importlib.import_module("paddle.inference")
        config = inference.Config(task["graph"], task["weights"])
        config.disable_gpu()
        config.disable_glog_info()
        config.set_cpu_math_library_num_threads(task["threads"])
        config.switch_ir_optim(task["optimize"])
        config.disable_mkldnn()  # oneDNN's kernels are those of x86
        self._predictor = inference.create_predictor(config)
        return {
            "version": paddle.__version__,
            "processor": platform.machine(),
            "threads": task["threads"],
            "precision": "float32",
        }

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Infers one batch."""
        predictor = self._predictor
        for name in predictor.get_input_names():
            handle = predictor.get_input_handle(name)
            handle.reshape(feeds[name].shape)
            handle.copy_from_cpu(feeds[name])
        predictor.run()
        return [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]


if __name__ == "__main__":
    link.serve(Paddle())
