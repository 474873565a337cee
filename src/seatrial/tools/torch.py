"""PyTorch, its ONNX exporter and ExecuTorch in an environment of their own.

Together they are larger than everything else, and they want a NumPy and a protobuf of their own.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial import lazy
from seatrial.tools._tool import Found, Tool, side_folder

VERSION = "2.13.0"
VARIABLE = "SEATRIAL_TORCH_PYTHON"


def _find() -> Found | None:
    named = os.environ.get(VARIABLE, "")
    if named:
        return Found(Path(named))
    python = side_folder() / "torch" / "bin" / "python"
    version = lazy.version_beside(python, "torch")
    return Found(python, version.partition("+")[0]) if version and python.exists() else None


TOOL = Tool(
    name="torch",
    summary="runs PyTorch models and exports them: ONNX, TorchScript, ExecuTorch",
    find=_find,
    recipe=(
        '"${PYTHON:-python3}" -m venv "$SIDE/torch"\n'
        '"$SIDE/torch/bin/python" -m pip install --disable-pip-version-check'
        f" torch=={VERSION} executorch==1.5.1 onnx onnxscript numpy pyyaml safetensors\n"
    ),
    size="2 GB",
    license="BSD-3-Clause; its packages have their own",
    variable=VARIABLE,
)
