"""What the converters from TensorFlow have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.converters import _child
from seatrial.converters._provenance import made_from
from seatrial.errors import UsageError
from seatrial.model.artifact import Artifact

OPSETS = (13, 18, 17)  # lowest, highest, default


def available() -> bool:
    """Whether TensorFlow and its converters are on this machine."""
    return tools.find("tensorflow") is not None


def make_onnx(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `opset`, `timeout`."""
    lowest, highest, default = OPSETS
    opset = options.get("opset") or default
    if not isinstance(opset, int) or not lowest <= opset <= highest:
        raise UsageError(f"tf2onnx writes opset {lowest} to {highest}, not {opset}", hint="leave it out")
    name = artifact.graph.stem if artifact.format == "keras" else "model"
    progress(f"tf2onnx writes opset {opset}")
    return _run(artifact, folder / f"{name}.onnx", to="onnx", opset=opset, options=options)


def make_savedmodel(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `timeout`."""
    progress("Keras exports a SavedModel")
    _run(artifact, folder, to="savedmodel", opset=0, options=options)
    # A fingerprint that changes with every writing, and that nothing reads.
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    return folder / "saved_model.pb"


def _run(artifact: Artifact, target: Path, *, to: str, opset: int, options: Mapping[str, Any]) -> Path:
    tool = tools.require("tensorflow")
    _child.run(
        "seatrial.converters._tensorflow_onnx",
        {
            "graph": str(artifact.graph.resolve()),
            "format": artifact.format,
            "to": to,
            "inputs": [asdict(each) for each in artifact.inputs],
            "outputs": [each.name for each in artifact.outputs],
            "opset": opset,
            "target": str(target),
            "metadata": made_from(artifact, f"tensorflow {tool.version}, tf2onnx"),
        },
        tool=f"TensorFlow {tool.version}".strip(),
        timeout=float(options.get("timeout", 600)),
        python=tool.path,
    )
    return target
