"""Paddle 2 programs to Paddle.js, without Paddle: the official converter can no longer be installed (M22)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import tools
from seatrial.contract.sample import Array
from seatrial.converters._converter import Converter
from seatrial.converters._paddlejs_graph import Node, Program, document
from seatrial.converters._paddlejs_operators import RULES
from seatrial.converters._shapes import shapes_of
from seatrial.errors import ModelError, UnsupportedModel, UsageError
from seatrial.model import operators
from seatrial.model.artifact import Artifact, Parameter

_OPTIONS: Mapping[str, Any] = {"shapes": "", "budget": 10.0}
_CHUNK = 4 << 20
_MB = 1_000_000
_ONLY_WEB = "make a page with ONNX Runtime Web instead: seatrial convert MODEL --to web"


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `shapes` (sizes for dimensions that are free: `x:1x3x48x192`), `budget` (megabytes the files may
    have; 0 for any).
    """
    chosen = {**_OPTIONS, **options}
    _possible(artifact)
    spec, output = artifact.inputs[0], artifact.outputs[0]
    program = Program(spec.name, _shape(artifact, shapes_of(chosen["shapes"])), _constants(artifact))
    for each in operators(artifact):
        try:
            RULES[each.type](program, Node(each))
        except KeyError as error:
            raise Node(each).refused(f"takes {error}, a second output or one of a loop") from error
    if output.name not in program.names:
        raise UnsupportedModel("the answer does not depend on the input", hint=_ONLY_WEB)
    about = {
        "format": "seatrial/paddlejs/1",
        "source": artifact.digest,
        "input": {"name": spec.name, "shape": list(program.shapes[spec.name])},
        "output": {"name": output.name, "shape": list(program.shapes[output.name])},
    }
    told = document(program, spec.name, output.name, about)
    chunks = _chunks([program.weights[name] for name in told["vars"] if name in program.weights])
    size = sum(map(len, chunks))
    if chosen["budget"] and size > chosen["budget"] * _MB:
        raise ModelError(
            f"the weights have {size / _MB:.1f} MB, over the {chosen['budget']:g} MB that a page may have to "
            "fetch; Paddle.js takes float32 only",
            hint="take a smaller network, go over ONNX in int8 (--to web), or lift it: --option budget=0",
        )
    for place, data in enumerate(chunks, start=1):
        (folder / f"chunk_{place}.dat").write_bytes(data)
    graph = folder / "model.json"
    graph.write_text(json.dumps({**told, "chunkNum": len(chunks)}, ensure_ascii=False) + "\n", "utf-8")
    progress(f"{len(told['ops']) - 2} operators, {size / _MB:.1f} MB of weights in {len(chunks)} files")
    return graph


def _possible(artifact: Artifact) -> None:
    unknown = sorted(set(artifact.operators) - set(RULES))
    if unknown:
        raise UnsupportedModel(
            f"Paddle.js: no operator {', '.join(unknown)} that was found to be right in a browser",
            hint=_ONLY_WEB,
        )
    for side, specs in (("input", artifact.inputs), ("output", artifact.outputs)):
        if len(specs) != 1 or specs[0].dtype != "float32":
            told = ", ".join(f"{each.name} {each.dtype}" for each in specs)
            raise UnsupportedModel(f"Paddle.js takes one float32 {side}, not {told}", hint=_ONLY_WEB)
    odd = sorted({each.name for each in artifact.parameters if each.dtype != "float32"})
    if odd:
        raise UnsupportedModel(f"Paddle.js takes float32 weights only, not {odd[0]}", hint=_ONLY_WEB)


def _shape(artifact: Artifact, given: Mapping[str, list[int]]) -> tuple[int, ...]:
    """Of one row."""
    spec = artifact.inputs[0]
    unknown = sorted(set(given) - {spec.name})
    if unknown:
        raise UsageError(f"there is no input '{unknown[0]}'", hint=f"there is: {spec.name}")
    asked = given.get(spec.name, [1, *(each if isinstance(each, int) else 0 for each in spec.shape[1:])])
    fits = len(asked) == len(spec.shape) and all(
        size == each or not isinstance(each, int)
        for size, each in zip(asked[1:], spec.shape[1:], strict=True)
    )
    if not fits:
        raise UsageError(f"{spec.name} has the shape {list(spec.shape)}, and {asked} does not fit")
    if 0 in asked:
        sizes = "x".join(str(each or "?") for each in asked)
        raise UsageError(
            f"Paddle.js takes fixed shapes, and {spec.name} is {list(spec.shape)}",
            hint=f"say how large: --option shapes={spec.name}:{sizes}",
        )
    if len(asked) not in (2, 4) or asked[0] != 1:
        raise UnsupportedModel(f"Paddle.js takes one row or one image, not {asked}", hint=_ONLY_WEB)
    return tuple(asked)


def _constants(artifact: Artifact) -> dict[str, Array]:
    return {each.name: _value(each) for each in artifact.parameters}


def _value(parameter: Parameter) -> Array:
    if parameter.file is None:
        raise UnsupportedModel(f"the weights of {parameter.name} are missing")
    count = parameter.nbytes // 4
    return np.fromfile(parameter.file, "<f4", count, offset=parameter.offset).reshape(parameter.shape)


def _chunks(weights: list[Array]) -> list[bytes]:
    """The weights as one stream, cut between them where a file would become larger than 4 MB."""
    chunks, open_chunk = [], bytearray()
    for each in weights:
        data = each.astype("<f4").tobytes()
        if open_chunk and len(open_chunk) + len(data) > _CHUNK:
            chunks.append(bytes(open_chunk))
            open_chunk = bytearray()
        open_chunk += data
    return [*chunks, bytes(open_chunk)] if open_chunk else chunks


CONVERTER = Converter(
    name="paddle_to_paddlejs",
    summary="Paddle 2 programs for pages with Paddle.js; refuses what was not found to be right in a browser",
    sources=("paddle-pdmodel",),
    target="paddlejs",
    extra="",
    available=lambda: tools.find("paddlejs") is not None,
    make=make,
    options=_OPTIONS,
    tool="paddlejs",
)
