"""Paddle's own post-training quantization, for graphs in `.pdmodel` (M21).

What it writes computes in integers only where the runtime is told to (precision int8): otherwise Paddle
simulates the integers in float, which is slower than the float model, or fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

_LARGEST = (1 << 31) - 1
_QUANTIZABLE = ("conv2d", "depthwise_conv2d", "matmul", "matmul_v2", "mul")
_CALIBRATIONS = ("minmax", "entropy", "percentile")
_OPTIONS: Mapping[str, Any] = {"feeds": "", "calibration": "minmax", "per_channel": True, "timeout": 1800}


def available() -> bool:
    """Whether Paddle is installed."""
    return lazy.installed("paddle")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `feeds` (file of calibration samples), `calibration`, `per_channel`."""
    chosen = {**_OPTIONS, **options}
    if artifact.size > _LARGEST:
        raise UnsupportedModel("a model over 2 GB is not quantized", hint="quantize its parts")
    if not set(artifact.operators) & set(_QUANTIZABLE):
        there = ", ".join(sorted(artifact.operators)) or "none"
        raise UnsupportedModel(
            f"the model has no operator that can become integer; it has {there}",
            hint=f"{', '.join(_QUANTIZABLE)} can",
        )
    if artifact.weights is None:
        raise UnsupportedModel("the parameters file is missing")
    if not chosen["feeds"]:
        raise UsageError("Paddle's quantizer needs calibration samples", hint="give real samples with --data")
    if chosen["calibration"] not in _CALIBRATIONS:
        raise UsageError(f"calibration is {' or '.join(_CALIBRATIONS)}, not '{chosen['calibration']}'")
    version = lazy.version("paddlepaddle")
    progress(f"paddle {version} quantizes")
    told = _child.run(
        "seatrial.converters._quantize_paddle",
        {
            "graph": str(artifact.graph.resolve()),
            "weights": str(artifact.weights.resolve()),
            "folder": str(folder.resolve()),
            "feeds": str(chosen["feeds"]),
            "calibration": chosen["calibration"],
            "per_channel": chosen["per_channel"],
        },
        tool=f"paddle {version}",
        timeout=float(chosen["timeout"]),
    )
    return folder / str(told["graph"])


CONVERTER = Converter(
    name="quantize_paddle",
    summary="integers by Paddle's own quantizer, for .pdmodel; runs with precision int8",
    sources=("paddle-pdmodel",),
    target="paddle-pdmodel",
    extra="paddle",
    available=available,
    make=make,
    options=_OPTIONS,
)
