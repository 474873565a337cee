"""What the converters from PyTorch have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.converters._provenance import made_from
from seatrial.errors import UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

OPSETS = (18, 22)  # what the exporter writes and every runtime here reads
_SUFFIXES = {"onnx": ".onnx", "torchscript": ".pt", "torch-exported": ".pt2"}


def available() -> bool:
    """Whether PyTorch is on this machine."""
    return tools.find("torch") is not None


def make(
    artifact: Artifact,
    folder: Path,
    *,
    options: Mapping[str, Any],
    progress: Callable[[str], None],
    target: str,
) -> Path:
    """See `Make`. Options: `opset`, `timeout`."""
    opset = options.get("opset") or OPSETS[0]
    if not isinstance(opset, int) or not OPSETS[0] <= opset <= OPSETS[1]:
        raise UsageError(f"PyTorch writes opset {OPSETS[0]} to {OPSETS[1]}, not {opset}", hint="leave it out")
    if not artifact.inputs or any(not each.dtype for each in artifact.inputs):
        raise UnsupportedModel(
            f"{artifact.graph.name} does not say the dtypes and shapes of its inputs",
            hint="name them: seatrial convert MODEL --input image=float32[batch,3,224,224] --to ...",
        )
    tool = tools.require("torch")
    name = artifact.graph.name.partition(".")[0]
    result = folder / f"{name}{_SUFFIXES[target]}"
    progress(f"PyTorch {tool.version} exports {artifact.metadata.get('class') or artifact.graph.name}")
    _child.run(
        "seatrial.converters._torch_export",
        {
            "graph": str(artifact.graph.resolve()),
            "format": artifact.format,
            "to": target,
            "inputs": [asdict(each) for each in artifact.inputs],
            "outputs": [each.name for each in artifact.outputs],
            "opset": opset,
            "target": str(result),
            "metadata": made_from(artifact, f"torch {tool.version}"),
        },
        tool=f"PyTorch {tool.version}".strip(),
        timeout=float(options.get("timeout", 600)),
        python=tool.path,
    )
    return result


def converter(name: str, summary: str, sources: tuple[str, ...], target: str) -> Converter:
    """A converter from PyTorch."""
    return Converter(
        name=name,
        summary=summary,
        sources=sources,
        target=target,
        extra="torch",
        available=available,
        make=partial(make, target=target),
        options={"opset": 0, "timeout": 600} if target == "onnx" else {"timeout": 600},
        tool="torch",
    )
