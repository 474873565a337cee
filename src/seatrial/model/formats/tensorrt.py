"""TensorRT: an engine for one version of the library and one kind of GPU, and a description that says which.

An engine's own bytes are not documented and cannot be read without the library, so the description beside it
carries what people and other rooms need: names, types and shapes, the version and the GPU it was built for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seatrial.contract.tensor import DTYPES, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, our_errors, size_of
from seatrial.model.formats._digest import sha256_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph, problem

VERSION = "seatrial/tensorrt/1"
_LARGEST = 1 << 20


def sniff(path: Path) -> bool:
    """Whether the file is a description of an engine."""
    return f'"{VERSION}"'.encode() in head(path, 256)


def read(path: Path) -> Artifact:
    """The artifact of an engine's description."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        told = _told(path)
        inputs, outputs = _specs(told, "inputs"), _specs(told, "outputs")
        engine, problems = _engine(told, path)
    except Garbled as error:
        return broken(path, error, format_name="tensorrt", files=files)
    version, device = str(told.get("version", "")), str(told.get("device", ""))
    graph = Graph(
        version=f"TensorRT {version} for {device}",
        inputs=inputs,
        outputs=outputs,
        metadata={
            "tensorrt": version,
            "device": device,
            "compute capability": str(told.get("capability", "")),
            "precision": str(told.get("precision", "")),
        },
    )
    return assemble(
        path, graph, format_name="tensorrt", files=[*files, *engine], parameters=(), problems=problems
    )


def _told(path: Path) -> dict[str, Any]:
    if size_of(path) > _LARGEST:
        raise Garbled("a description of an engine is never that large")
    try:
        with our_errors(path):
            told = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Garbled(f"this is no JSON: {error}") from error
    if not isinstance(told, dict) or told.get("format") != VERSION:
        raise Garbled(f"'format' is not {VERSION}", hint="build the engine again with this release")
    return told


def _specs(told: dict[str, Any], side: str) -> tuple[TensorSpec, ...]:
    """Free dimensions are null."""
    specs = []
    for each in told.get(side) or ():
        try:
            name, dtype, shape = each["name"], each["dtype"], tuple(each["shape"])
        except (TypeError, KeyError) as error:
            raise Garbled(f"'{side}' does not have name, dtype and shape") from error
        sound = isinstance(name, str) and all(dim is None or isinstance(dim, int) for dim in shape)
        if dtype not in DTYPES or not sound:
            raise Garbled(f"'{side}' has {each!r}")
        specs.append(TensorSpec(name, dtype, shape))
    if not specs:
        raise Garbled(f"there are no {side}")
    return tuple(specs)


def _engine(told: dict[str, Any], path: Path) -> tuple[list[ModelFile], list[Problem]]:
    name, digest = told.get("engine"), told.get("sha256")
    if not isinstance(name, str) or Path(name).name != name:
        raise Garbled(f"'engine' is no file name: {name!r}")
    file = path.with_name(name)
    if not file.is_file():
        return [], [
            problem("weights-missing", "the engine is not there", name, "copy it from where it was built")
        ]
    found = [ModelFile(file, "parameters", size_of(file))]
    if sha256_of(file) != digest:
        hint = "an engine that was exchanged may crash the process: build it again"
        return found, [problem("weights-other", "the engine is not the one that was described", name, hint)]
    return found, []


FORMAT = Format(
    name="tensorrt",
    summary="TensorRT engine, with a description of what it was built for",
    suffixes=(".tensorrt.json",),
    sniff=sniff,
    read=read,
)
