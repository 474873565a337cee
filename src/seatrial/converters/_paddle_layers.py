"""What the exports of a Paddle layer have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.model.artifact import Artifact

_SUFFIXES = {"paddle-json": ".json", "paddle-pdmodel": ".pdmodel"}


def available() -> bool:
    """Whether Paddle is installed."""
    return lazy.installed("paddle")


def _make(
    artifact: Artifact,
    folder: Path,
    *,
    options: Mapping[str, Any],
    progress: Callable[[str], None],
    target: str,
) -> Path:
    version = lazy.version("paddlepaddle")
    graph = folder / f"inference{_SUFFIXES[target]}"
    progress(f"paddle.jit.save of Paddle {version} exports {artifact.metadata.get('class', 'the layer')}")
    _child.run(
        "seatrial.converters._paddle_export",
        {
            "graph": str(artifact.graph.resolve()),
            "inputs": [asdict(each) for each in artifact.inputs],
            "legacy": target == "paddle-pdmodel",
            "target": str(graph),
        },
        tool=f"Paddle {version}",
        timeout=float(options.get("timeout", 600)),
    )
    return graph


def converter(name: str, target: str) -> Converter:
    """The converter of Paddle layers to one of Paddle's static formats."""
    return Converter(
        name=name,
        summary="paddle.jit.save of a class with its checkpoint, in a child process",
        sources=("paddle-layer",),
        target=target,
        extra="paddle",
        available=available,
        make=partial(_make, target=target),
        options={"timeout": 600},
    )
