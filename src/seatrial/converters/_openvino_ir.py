"""The child of `onnx_to_openvino`: `python -m seatrial.converters._openvino_ir REQUEST ANSWER`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import answer


def work(request: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the graph as the runtime would and writes it as IR."""
    openvino: Any = lazy.load("openvino", extra="openvino")
    # Not convert_model: that one reports to its makers, and reads ONNX no differently.
    model = openvino.Core().read_model(request["graph"])
    # An automatic name is counted over the whole process; the file's shall not depend on that.
    model.set_friendly_name(request["name"])
    openvino.save_model(model, request["target"], compress_to_fp16=request["fp16"])
    return {}


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], work))
