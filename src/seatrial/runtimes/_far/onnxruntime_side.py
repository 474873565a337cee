"""ONNX Runtime of another processor: `python -I onnxruntime_side.py [FOLDER]`, which has it. See `link`."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), *sys.argv[1:]]
link: Any = importlib.import_module("link")
link.own_folder_off_the_path()

_FATAL_ONLY = 4


class OnnxRuntime:
    """One graph in an inference session."""

    def load(self, task: dict[str, Any]) -> dict[str, Any]:
        """Loads the model; `task` as `Task`."""
        ort: Any = importlib.import_module("onnxruntime")
        ort.disable_telemetry_events()
        ort.set_default_logger_severity(_FATAL_ONLY)
        options = ort.SessionOptions()
        options.intra_op_num_threads = task["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        levels = ort.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if task["optimize"] else levels.ORT_DISABLE_ALL
        )
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(task["graph"], options, providers=["CPUExecutionProvider"])
        return {"version": ort.__version__, "processor": platform.machine(), "threads": task["threads"]}

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """Infers one batch."""
        outputs: list[Any] = self._session.run(None, feeds)
        return outputs


if __name__ == "__main__":
    link.serve(OnnxRuntime())
