"""ONNX to a TensorRT engine, on the GPU that will run it (M25)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import MissingDependency, UsageError
from seatrial.model.artifact import Artifact


def available() -> bool:
    """Whether TensorRT is installed; whether there is a GPU is found out by building."""
    return lazy.installed("tensorrt")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `batch` (largest), `side` (of free axes), `workspace` (MiB), `timeout` (s)."""
    if not available():
        raise MissingDependency("TensorRT is not installed", hint="pip install 'seatrial[tensorrt]'")
    ranges = {each.name: _range(each.shape, options) for each in artifact.inputs}
    progress("TensorRT builds and times kernels; this takes minutes")
    _child.run(
        "seatrial.converters._tensorrt_build",
        {
            "graph": str(artifact.graph.resolve()),
            "folder": str(folder),
            "stem": artifact.graph.stem,
            "ranges": ranges,
            "workspace": int(options.get("workspace", 1024)) << 20,
            "source": artifact.digest,
        },
        tool="TensorRT",
        timeout=float(options.get("timeout", 1800)),
        devices=True,
    )
    return folder / f"{artifact.graph.stem}.tensorrt.json"


def _range(shape: tuple[int | str | None, ...], options: Mapping[str, Any]) -> list[list[int]]:
    """Least, likeliest and largest shape: an engine knows its shapes when it is built."""
    batch, side = int(options.get("batch", 32)), int(options.get("side", 0))
    if batch < 1:
        raise UsageError(f"the largest batch is {batch}", hint="give batch=1 or more")
    if side < 1 and any(not isinstance(dim, int) for dim in shape[1:]):
        raise UsageError(
            "an axis beside the batch is free, and an engine must know how large it gets",
            hint="give the largest with --option side=N",
        )
    bounds = [(1, min(batch, 8), batch), *[(1, max(1, side // 2), side)] * (len(shape) - 1)]
    fixed = [(dim,) * 3 if isinstance(dim, int) else free for dim, free in zip(shape, bounds, strict=True)]
    return [list(row) for row in zip(*fixed, strict=True)]


CONVERTER = Converter(
    name="onnx_to_tensorrt",
    summary="TensorRT engine for this machine's GPU, types as the ONNX has them",
    sources=("onnx",),
    target="tensorrt",
    extra="tensorrt",
    available=available,
    make=make,
    options={"batch": 32, "side": 0, "workspace": 1024, "timeout": 1800},
    # Kernels are chosen by time, and TF32 is what float32 becomes in some of them.
    tolerance=5e-3,
)
