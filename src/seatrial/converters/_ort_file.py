"""The child of `onnx_to_ort`: `python -m seatrial.converters._ort_file REQUEST ANSWER`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import answer

_FATAL_ONLY = 4
# As the engine's own tool does: that one lays weights out for this processor's vectors.
_FOR_THIS_MACHINE_ONLY = "NchwcTransformer"


def work(request: Mapping[str, Any]) -> dict[str, Any]:
    """Lets the engine load and optimize the graph, and write what it made of it."""
    onnxruntime: Any = lazy.load("onnxruntime", extra="onnx")
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(_FATAL_ONLY)
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.graph_optimization_level = getattr(levels, f"ORT_{request['level']}")
    options.optimized_model_filepath = request["target"]
    options.add_session_config_entry("session.save_model_format", "ORT")
    # It writes and never runs: a second copy of the weights, packed for the processor, would serve nothing.
    options.add_session_config_entry("session.disable_prepacking", "1")
    onnxruntime.InferenceSession(
        request["graph"],
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=[_FOR_THIS_MACHINE_ONLY],
    )
    return {}


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], work))
