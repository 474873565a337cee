"""Exported PyTorch programs to ExecuTorch's `.pte`, with XNNPACK for what it takes over (M20)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import UsageError
from seatrial.model.artifact import Artifact
from seatrial.model.formats.executorch import INTERFACE

_BATCH, _LARGEST = 8, 512


def available() -> bool:
    """Whether the environment with PyTorch and ExecuTorch is there."""
    return tools.find("torch") is not None


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `batch` and `largest`, of the free dimensions; `timeout`."""
    side = tools.require("torch")
    bounds = {"batch": options.get("batch") or _BATCH, "largest": options.get("largest") or _LARGEST}
    for name, value in bounds.items():
        if not isinstance(value, int) or value < 1:
            raise UsageError(f"{name} is a whole number from 1 on, not {value}")
    told = {
        "inputs": [{"name": each.name, "shape": list(each.shape)} for each in artifact.inputs],
        "outputs": [{"name": each.name, "shape": list(each.shape)} for each in artifact.outputs],
    }
    target = folder / f"{artifact.graph.name.partition('.')[0]}.pte"
    progress(f"ExecuTorch plans memory for batches up to {bounds['batch']}")
    _child.run(
        "seatrial.converters._executorch_export",
        {
            "graph": str(artifact.graph.resolve()),
            "target": str(target.resolve()),
            "method": INTERFACE,
            "interface": json.dumps(told, sort_keys=True),
            **bounds,
        },
        tool="ExecuTorch",
        timeout=float(options.get("timeout") or 600),
        python=side.path,
    )
    return target


CONVERTER = Converter(
    name="torch_to_executorch",
    summary="ExecuTorch with XNNPACK in an environment beside",
    sources=("torch-exported",),
    target="executorch",
    extra="",
    available=available,
    make=make,
    options={"batch": _BATCH, "largest": _LARGEST, "timeout": 600},
    tool="torch",
)
