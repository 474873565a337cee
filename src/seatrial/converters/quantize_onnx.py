"""ONNX to ONNX with integer weights, by ONNX Runtime's quantizer (M21).

`reduce_range` is on by default: weights of 8 bits times activations of 8 bits saturate in the 16-bit sums of
x86 processors without VNNI, so the same file would answer otherwise there than on ARM64 or in a browser (by
0.19 in a probability on the digits model). With weights of 7 bits all of them agree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.converters._provenance import made_from
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

LARGEST = (1 << 31) - 1
MODES = ("static", "dynamic")
CALIBRATIONS = ("minmax", "entropy", "percentile")
_HANDED_ON = ("mode", "calibration", "per_channel", "reduce_range", "between", "timeout")
_OPTIONS: Mapping[str, Any] = {
    "mode": "static",
    "feeds": "",
    "calibration": "minmax",
    "per_channel": True,
    "reduce_range": True,
    "between": True,
    "keep": (),
    "ranges": "",
    "timeout": 1800,
}


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs when it alone becomes integer.

    Attributes:
        name: Of its node.
        type: Of its operator.
        weights: Elements of its weight.
        sqnr: Signal to noise of the model's answers, dB, the worst output; None when time was up.
        agree: Share of rows (samples, steps of a sequence) whose strongest class stays; None likewise.
    """

    name: str
    type: str
    weights: int
    sqnr: float | None = None
    agree: float | None = None


def available() -> bool:
    """Whether ONNX Runtime and what its quantizer needs are installed."""
    return all(lazy.installed(each) for each in ("onnx", "onnxruntime", "ml_dtypes"))


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `mode` (static or dynamic), `feeds` (file of calibration samples, for static), `calibration`
    (minmax, entropy or percentile), `per_channel`, `reduce_range`, `between` (whether sums and activations
    between layers become integer too), `keep` (nodes left in float), `ranges` (JSON file of activations'
    ranges: read where it is, else written, so that the next variant is cheap).
    """
    request = _request(artifact, options)
    target = folder / f"{artifact.graph.stem}.onnx"
    version = lazy.version("onnxruntime")
    kept = f", {len(request['keep'])} nodes left in float" if request["keep"] else ""
    progress(f"onnxruntime {version} quantizes ({request['mode']}{kept})")
    told = _run({**request, "target": str(target)})
    progress(f"{told['integers']} of {told['weights']} weights are integers")
    return target


def layer_costs(
    artifact: Artifact, *, options: Mapping[str, Any], samples: int = 16, seconds: float = 120.0
) -> tuple[LayerCost, ...]:
    """How much each layer's becoming integer changes the answers, in the graph's order (M21).

    Args:
        artifact: A float model in ONNX.
        options: As for `make`; `feeds` is needed.
        samples: Of the feeds, the first so many.
        seconds: Layers not reached by then have no figures.

    Raises:
        ModelError: The model cannot be quantized.
    """
    told = _run({**_request(artifact, options), "costs": samples, "seconds": seconds})
    return tuple(LayerCost(**each) for each in told["costs"])


def _request(artifact: Artifact, options: Mapping[str, Any]) -> dict[str, Any]:
    if artifact.size > LARGEST:
        raise UnsupportedModel(
            "a model over 2 GB cannot be quantized as one ONNX file",
            hint="quantize its parts, or use the precision switches of the runtime",
        )
    chosen = {**_OPTIONS, **options}
    for name, allowed in (("mode", MODES), ("calibration", CALIBRATIONS)):
        if chosen[name] not in allowed:
            raise UsageError(f"{name} is {' or '.join(allowed)}, not '{chosen[name]}'")
    if chosen["mode"] == "static" and not chosen["feeds"] and not Path(chosen["ranges"] or "-").is_file():
        raise UsageError(
            "static quantization needs calibration samples", hint="give real samples, or use dynamic"
        )
    version = lazy.version("onnxruntime")
    bits = "7 bits" if chosen["reduce_range"] else "8 bits"
    return {
        **{name: chosen[name] for name in _HANDED_ON},
        "graph": str(artifact.graph.resolve()),
        "feeds": str(chosen["feeds"]),
        "ranges": str(chosen["ranges"]),
        "keep": list(chosen["keep"]),
        "costs": 0,
        "metadata": made_from(
            artifact, f"onnxruntime {version}", quantization=f"{chosen['mode']}, weights of {bits}"
        ),
    }


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="seatrial-quantize-") as scratch:
        return _child.run(
            "seatrial.converters._quantize_onnx",
            {**request, "scratch": scratch},
            tool=f"onnxruntime {lazy.version('onnxruntime')}",
            timeout=float(request["timeout"]),
        )


CONVERTER = Converter(
    name="quantize_onnx",
    summary="integer weights by ONNX Runtime in a child process, the same on every processor",
    sources=("onnx",),
    target="onnx",
    extra="quantize",
    available=available,
    make=make,
    options=_OPTIONS,
)
