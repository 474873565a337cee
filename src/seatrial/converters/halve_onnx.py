"""ONNX to ONNX with float16 weights; what float16 cannot hold stays in float32 (M21)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.converters._provenance import made_from
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

_LARGEST = (1 << 31) - 1
_OPTIONS: Mapping[str, Any] = {"feeds": "", "keep": (), "timeout": 900}


def available() -> bool:
    """Whether ONNX Runtime and ONNX are installed."""
    return all(lazy.installed(each) for each in ("onnx", "onnxruntime"))


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `feeds` (file of real samples: what overflows or vanishes in float16 is found by running the
    float model on them), `keep` (nodes left in float32). Inputs and outputs stay float32.
    """
    if artifact.size > _LARGEST:
        raise UnsupportedModel("a model over 2 GB cannot be halved as one ONNX file")
    chosen = {**_OPTIONS, **options}
    if not chosen["feeds"]:
        raise UsageError(
            "float16 needs real samples, to see what overflows in it", hint="name some with --data"
        )
    version = lazy.version("onnxruntime")
    target = folder / f"{artifact.graph.stem}.onnx"
    progress(f"onnxruntime {version} halves the weights")
    told = _child.run(
        "seatrial.converters._halve_onnx",
        {
            "graph": str(artifact.graph.resolve()),
            "feeds": str(chosen["feeds"]),
            "keep": list(chosen["keep"]),
            "target": str(target),
            "metadata": made_from(artifact, f"onnxruntime {version}", quantization="float16"),
        },
        tool=f"onnxruntime {version}",
        timeout=float(chosen["timeout"]),
    )
    progress(f"{told['nodes'] - len(told['blocked'])} of {told['nodes']} nodes in float16")
    for name, reason in sorted(told["blocked"].items()):
        progress(f"{name} stays in float32: {reason}")
    return target


CONVERTER = Converter(
    name="halve_onnx",
    summary="float16 weights, with what overflows on real samples left in float32",
    sources=("onnx",),
    target="onnx",
    extra="quantize",
    available=available,
    make=make,
    options=_OPTIONS,
    tolerance=1e-2,
)
