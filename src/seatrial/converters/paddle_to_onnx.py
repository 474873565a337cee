"""Paddle graphs to ONNX by paddle2onnx (M20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import __version__, lazy, tools
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

# paddle2onnx 2.x reads 3.x graphs. Its way from .pdmodel writes files that no runtime loads (PP-OCRv4), so
# those take the last release of the line before, installed in a folder of its own.
_OPSETS = {"paddle-json": (11, 21, 17), "paddle-pdmodel": (11, 16, 16)}  # lowest, highest, default
_LARGEST = (1 << 31) - 1


def _opset(artifact: Artifact, options: Mapping[str, Any]) -> int:
    lowest, highest, default = _OPSETS[artifact.format]
    opset = options.get("opset") or default
    # Asked for less it writes another one than asked, asked for more it aborts.
    if not isinstance(opset, int) or not lowest <= opset <= highest:
        raise UsageError(
            f"paddle2onnx writes opset {lowest} to {highest} from {artifact.format}, not {opset}",
            hint=f"leave it out for {default}",
        )
    return opset


def available() -> bool:
    """Whether paddle2onnx, onnx and Paddle are installed."""
    return all(lazy.installed(each) for each in ("paddle2onnx", "onnx", "paddle", "onnxruntime"))


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `opset`."""
    opset = _opset(artifact, options)
    legacy = artifact.format == "paddle-pdmodel"
    side = tools.require("paddle2onnx-legacy") if legacy else None
    if artifact.weights is None and artifact.parameters:
        raise UnsupportedModel(
            "the parameters file is missing", hint="paddle2onnx would write an invalid file"
        )
    if artifact.size > _LARGEST:
        raise UnsupportedModel("a model over 2 GB does not fit in one .onnx file")
    version = side.version if side else lazy.version("paddle2onnx")
    target = folder / f"{artifact.graph.stem}.onnx"
    progress(f"paddle2onnx {version} writes opset {opset}")
    _child.run(
        "seatrial.converters._paddle2onnx",
        {
            "graph": str(artifact.graph.resolve()),
            "weights": str(artifact.weights.resolve()) if artifact.weights else "",
            "opset": opset,
            "side": str(side.path) if side else "",
            "target": str(target),
            "inputs": {each.name: list(each.shape) for each in artifact.inputs},
            "metadata": {
                "seatrial.source": artifact.digest,
                "seatrial.converter": f"seatrial {__version__}, paddle2onnx {version}",
            },
        },
        tool=f"paddle2onnx {version}",
        timeout=float(options.get("timeout", 600)),
    )
    return target


CONVERTER = Converter(
    name="paddle_to_onnx",
    summary="paddle2onnx in a child process, weights as initializers",
    sources=("paddle-json", "paddle-pdmodel"),
    target="onnx",
    extra="convert",
    available=available,
    make=make,
    options={"opset": 0, "timeout": 600},
)
