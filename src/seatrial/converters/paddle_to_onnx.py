"""Paddle graphs to ONNX by paddle2onnx (M20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy, tools
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.converters._provenance import made_from
from seatrial.converters._unsupported import explained
from seatrial.errors import ModelError, UnsupportedModel, UsageError
from seatrial.model import operators
from seatrial.model.artifact import Artifact, Parameter

# paddle2onnx 2.x reads 3.x graphs. Its way from .pdmodel writes files that no runtime loads (PP-OCRv4), so
# those take the last release of the line before, installed in a folder of its own.
_OPSETS = {"paddle-json": (11, 21, 17), "paddle-pdmodel": (11, 16, 16)}  # lowest, highest, default
_LARGEST = (1 << 31) - (64 << 20)
_LARGE_MODEL, _LARGE_TENSOR = 256 << 20, 1 << 20
_PLAIN = {"matmul", "conv2d", "depthwise_conv2d", "embedding"}


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
    aside = _aside(artifact)
    given = artifact.size - sum(each.nbytes for each in aside)
    if given > _LARGEST:
        raise UnsupportedModel(
            f"paddle2onnx cannot write {given >> 20:,} MiB of weights: a protobuf message ends at 2 GiB",
            hint="export with Paddle 3 (.json): its large weights need not go through the tool"
            if legacy
            else "run the model on the paddle runtime",
        )
    version = side.version if side else lazy.version("paddle2onnx")
    target = folder / f"{artifact.graph.stem}.onnx"
    progress(f"paddle2onnx {version} writes opset {opset}")
    request = {
        "graph": str(artifact.graph.resolve()),
        "weights": str(artifact.weights.resolve()) if artifact.weights else "",
        "opset": opset,
        "side": str(side.path) if side else "",
        "target": str(target),
        "aside": [each.name for each in aside],
        "tensors": [_told(each) for each in artifact.parameters if aside and each.file],
        "inputs": {each.name: list(each.shape) for each in artifact.inputs},
        "metadata": made_from(artifact, f"paddle2onnx {version}"),
    }
    timeout = float(options.get("timeout", 600))
    try:
        _child.run(
            "seatrial.converters._paddle2onnx", request, tool=f"paddle2onnx {version}", timeout=timeout
        )
    except ModelError as error:
        home = side.path / "paddle2onnx" if side else lazy.folder("paddle2onnx")
        raise explained(error, artifact, home) from error
    return target


def _aside(artifact: Artifact) -> list[Parameter]:
    """Weights that go around the tool: it holds each five times and knows no file over 2 GB.

    Only large ones of large models, and only where they are read as they are: an RNN's are taken apart.
    """
    if artifact.format != "paddle-json" or artifact.size < _LARGE_MODEL:
        return []
    readers: dict[str, set[str]] = {}
    for operator in operators(artifact):
        for name in operator.inputs:
            readers.setdefault(name, set()).add(operator.type)
    return [
        each
        for each in artifact.parameters
        if each.nbytes >= _LARGE_TENSOR and each.file is not None and readers.get(each.name, {""}) <= _PLAIN
    ]


def _told(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "dtype": parameter.dtype,
        "shape": list(parameter.shape),
        "offset": parameter.offset,
        "nbytes": parameter.nbytes,
    }


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
