"""What the converters from ONNX to TensorFlow have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.converters import _child
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

PRECISIONS = ("float32", "float16")
_LARGEST = (1 << 31) - 1


def make_litert(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `precision`, `timeout`."""
    precision = options.get("precision") or PRECISIONS[0]
    if precision not in PRECISIONS:
        raise UsageError(f"no precision '{precision}'", hint=f"there is: {', '.join(PRECISIONS)}")
    target = folder / f"{artifact.graph.stem}.tflite"
    progress(f"onnx2tf writes LiteRT in {precision}")
    _run(artifact, target, to="litert", precision=precision, options=options)
    return target


def make_savedmodel(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `timeout`."""
    progress("onnx2tf writes a SavedModel")
    _run(artifact, folder, to="savedmodel", precision="", options=options)
    return folder / "saved_model.pb"


def _run(artifact: Artifact, target: Path, *, to: str, precision: str, options: Mapping[str, Any]) -> None:
    if artifact.size > _LARGEST:
        raise UnsupportedModel("a model over 2 GB does not fit in one file of TensorFlow's")
    tool = tools.require("tensorflow")
    _child.run(
        "seatrial.converters._onnx_tensorflow",
        {
            "graph": str(artifact.graph.resolve()),
            "to": to,
            "precision": precision,
            "inputs": [asdict(each) for each in artifact.inputs],
            "target": str(target),
        },
        tool="onnx2tf",
        timeout=float(options.get("timeout", 900)),
        python=tool.path,
    )
