"""OpenVINO IR to OpenVINO IR with integer arithmetic, by NNCF (M21)."""

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
# What a normalization over the last axis shows a transformer by, in either format.
_TRANSFORMERS = ("LayerNormalization", "MVN", "Erf", "Gelu")
_OPTIONS: Mapping[str, Any] = {
    "feeds": "",
    "per_channel": True,
    "reduce_range": True,
    "between": True,
    "keep": (),
    "drop": 0.0,
    "timeout": 1800,
}


def available() -> bool:
    """Whether OpenVINO and NNCF are installed."""
    return lazy.installed("openvino") and lazy.installed("nncf")


def is_transformer(artifact: Artifact) -> bool:
    """Whether the model has normalizations over its last axis, as transformers have."""
    return any(each in artifact.operators for each in _TRANSFORMERS)


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `feeds` (file of calibration samples), `per_channel`, `reduce_range`, `between` (whether a
    transformer's sums and normalizations become integer too; otherwise NNCF's scheme for transformers, which
    is nearer to float and slower), `keep` (nodes left in float), `drop` (above 0: NNCF puts layers back
    until at most this share of the samples is answered otherwise than by the float model).
    """
    if artifact.size > _LARGEST:
        raise UnsupportedModel("a model over 2 GB is not quantized", hint="quantize its parts")
    chosen = {**_OPTIONS, **options}
    if not chosen["feeds"]:
        raise UsageError("NNCF needs calibration samples", hint="give real samples with --data")
    version = lazy.version("nncf")
    target = folder / f"{artifact.graph.stem}.xml"
    controlled = f", at most {chosen['drop']:.2%} answered otherwise" if chosen["drop"] else ""
    progress(f"nncf {version} quantizes{controlled}")
    told = _child.run(
        "seatrial.converters._quantize_openvino",
        {
            "graph": str(artifact.graph.resolve()),
            "weights": str(artifact.weights.resolve()) if artifact.weights else "",
            "target": str(target),
            "transformer": is_transformer(artifact) and not chosen["between"],
            **{name: chosen[name] for name in ("per_channel", "reduce_range", "drop")},
            "feeds": str(chosen["feeds"]),
            "keep": list(chosen["keep"]),
        },
        tool=f"nncf {version}",
        timeout=float(chosen["timeout"]),
    )
    progress(f"{told['fakes']} quantizers around {told['layers']} layers")
    return target


CONVERTER = Converter(
    name="quantize_openvino",
    summary="integer arithmetic by NNCF in a child process, post-training or accuracy-aware",
    sources=("openvino",),
    target="openvino",
    extra="quantize",
    available=available,
    make=make,
    options=_OPTIONS,
)
