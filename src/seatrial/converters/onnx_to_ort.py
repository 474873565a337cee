"""ONNX to ONNX Runtime's own format, which its reduced and mobile builds read and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import UsageError
from seatrial.model.artifact import Artifact

_LEVELS = {"none": "DISABLE_ALL", "basic": "ENABLE_BASIC", "extended": "ENABLE_EXTENDED", "all": "ENABLE_ALL"}


def available() -> bool:
    """Whether ONNX Runtime is installed."""
    return lazy.installed("onnxruntime")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `level` of optimization that the file is fixed to, `timeout`."""
    level = options.get("level", "all")
    if level not in _LEVELS:
        raise UsageError(f"'{level}' is no level of optimization", hint=f"there is: {', '.join(_LEVELS)}")
    version = lazy.version("onnxruntime")
    target = folder / f"{artifact.graph.stem}.ort"
    progress(f"onnxruntime {version} writes its own format, optimization: {level}")
    _child.run(
        "seatrial.converters._ort_file",
        {"graph": str(artifact.graph.resolve()), "target": str(target), "level": _LEVELS[level]},
        tool=f"onnxruntime {version}",
        timeout=float(options.get("timeout", 600)),
    )
    return target


CONVERTER = Converter(
    name="onnx_to_ort",
    summary="ONNX Runtime writes the graph as it optimized it, for its reduced and mobile builds",
    sources=("onnx",),
    target="ort",
    extra="onnx",
    available=available,
    make=make,
    options={"level": "all", "timeout": 600},
)
