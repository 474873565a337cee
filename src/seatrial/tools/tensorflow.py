"""TensorFlow, tf2onnx, onnx2tf and LiteRT in an environment of their own.

onnx2tf pins NumPy, protobuf, onnx and ONNX Runtime to versions that stand beside no other engine.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial import lazy
from seatrial.tools._tool import Found, Tool, side_folder

VERSION = "2.19.0"
VARIABLE = "SEATRIAL_TENSORFLOW_PYTHON"


def _find() -> Found | None:
    named = os.environ.get(VARIABLE, "")
    if named:
        return Found(Path(named))
    python = side_folder() / "tensorflow" / "bin" / "python"
    names = ("tensorflow-cpu", "tensorflow")
    version = next((found for each in names if (found := lazy.version_beside(python, each))), "")
    return Found(python, version) if version and python.exists() else None


TOOL = Tool(
    name="tensorflow",
    summary="runs TensorFlow, Keras and LiteRT models and converts them from and to ONNX",
    find=_find,
    # tensorflow-cpu is a third of tensorflow; what insists on the latter comes without its dependencies.
    recipe=(
        '"${PYTHON:-python3}" -m venv "$SIDE/tensorflow"\n'
        'pip() { "$SIDE/tensorflow/bin/python" -m pip install --disable-pip-version-check "$@"; }\n'
        f"pip tensorflow-cpu=={VERSION} tf2onnx==1.17.0 ai-edge-litert==2.3.0 numpy==1.26.4 protobuf==4.25.5"
        " onnx==1.19.1 onnxruntime==1.23.0 opencv-python-headless==4.11.0.86 onnxsim==0.4.36"
        " onnxoptimizer==0.4.2 psutil==5.9.5 h5py==3.11.0 ml-dtypes==0.5.1 flatbuffers==25.12.19"
        " onnx-graphsurgeon==0.5.8 simple-onnx-processing-tools==1.1.32\n"
        f"pip --no-deps onnx2tf==1.29.24 tf-keras=={VERSION}\n"
    ),
    size="2 GB",
    license="Apache-2.0; its packages have their own",
    variable=VARIABLE,
)
