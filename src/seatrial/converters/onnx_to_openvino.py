"""ONNX to OpenVINO IR by OpenVINO's own front end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.model.artifact import Artifact


def available() -> bool:
    """Whether OpenVINO is installed."""
    return lazy.installed("openvino")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `fp16` (weights as float16, half the file), `timeout`."""
    version = lazy.version("openvino").partition("-")[0]
    target = folder / f"{artifact.graph.stem}.xml"
    progress(f"openvino {version} writes IR" + (" with float16 weights" if options.get("fp16") else ""))
    _child.run(
        "seatrial.converters._openvino_ir",
        {
            "graph": str(artifact.graph.resolve()),
            "target": str(target),
            "name": artifact.graph.stem,
            "fp16": bool(options.get("fp16")),
        },
        tool=f"openvino {version}",
        timeout=float(options.get("timeout", 600)),
    )
    return target


CONVERTER = Converter(
    name="onnx_to_openvino",
    summary="OpenVINO reads the graph and writes its IR; float16 weights when asked",
    sources=("onnx",),
    target="openvino",
    extra="openvino",
    available=available,
    make=make,
    options={"fp16": False, "timeout": 600},
)
